// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package converse

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/sparkgateway/spark/gateway/dialect/chat"
	"github.com/sparkgateway/spark/gateway/dialect/converse/conversetest"
)

func TestFamiliesAreReadFromTheModelsID(t *testing.T) {
	tests := map[string]struct {
		model                      string
		want                       family
		takesBudget, silent, cache bool
	}{
		"a model of Claude":                  {newest, family{claude, "claude-opus-5"}, false, false, true},
		"in a region":                        {adaptive, family{claude, "claude-opus-4-6-v1"}, false, true, true},
		"one that takes budgets":             {budgeted, family{claude, "claude-sonnet-4-5-20250929-v1:0"}, true, true, true},
		"in a region of the government's":    {"us-gov.anthropic.claude-3-7-sonnet-20250219-v1:0", family{claude, "claude-3-7-sonnet-20250219-v1:0"}, true, true, true},
		"the first of the fourth generation": {"us.anthropic.claude-opus-4-20250514-v1:0", family{claude, "claude-opus-4-20250514-v1:0"}, true, true, true},
		"one after them":                     {"anthropic.claude-opus-4-8", family{claude, "claude-opus-4-8"}, false, false, true},
		"an ARN of a model": {
			"arn:aws:bedrock:us-east-1::foundation-model/anthropic.claude-haiku-4-5-20251001-v1:0",
			family{claude, "claude-haiku-4-5-20251001-v1:0"}, true, true, true,
		},
		"an ARN of an inference profile": {
			"arn:aws-us-gov:bedrock:us-gov-west-1:123456789012:inference-profile/us-gov.amazon.nova-pro-v1:0", family{nova, "nova-pro-v1:0"}, false, false, true,
		},
		"an ARN that does not tell":          {opaque, family{}, false, false, true},
		"an ARN of a provisioned model":      {"arn:aws:bedrock:us-east-1:123456789012:provisioned-model/abc", family{}, false, false, true},
		"an ARN of nothing":                  {"arn:", family{}, false, false, true},
		"Nova":                               {novaTwo, family{nova, "nova-2-lite-v1:0"}, false, false, true},
		"another of Amazon's":                {"amazon.titan-text-express-v1", family{another, "amazon.titan-text-express-v1"}, false, false, false},
		"gpt-oss":                            {gpt, family{gptOSS, "gpt-oss-120b-1:0"}, false, false, false},
		"another of OpenAI's":                {"openai.gpt-5.5", family{another, "openai.gpt-5.5"}, false, false, false},
		"Llama":                              {llama, family{another, llama}, false, false, false},
		"a maker's word within another name": {"acme.not-anthropic.claude", family{another, "acme.not-anthropic.claude"}, false, false, false},
		"nothing":                            {"", family{another, ""}, false, false, false},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			got := familyOf(tc.model)
			if got != tc.want {
				t.Errorf("%+v, want %+v", got, tc.want)
			}
			if got.takesBudget() != tc.takesBudget || got.silent() != tc.silent || got.caches() != tc.cache {
				t.Errorf("takes budgets %t, silent %t, caches %t", got.takesBudget(), got.silent(), got.caches())
			}
		})
	}
}

func TestReasoningIsAskedForInTheFamilysWords(t *testing.T) {
	type r = chat.Reasoning
	think := func(kind string, tokens int64, display string) additional {
		return additional{Thinking: &thinking{Type: kind, BudgetTokens: tokens, Display: display}}
	}
	novaThinks := func(effort string) additional {
		return additional{ReasoningConfig: &novaReasoning{Type: "enabled", MaxReasoningEffort: effort}}
	}
	tests := map[string]struct {
		model      string
		reasoning  r
		bound      *int64
		want       additional
		wantEffort string
		refused    bool
	}{
		"nothing said":                             {model: adaptive},
		"only that thoughts are shown":             {model: adaptive, reasoning: r{Show: ptr(true)}, want: think("adaptive", 0, "summarized")},
		"only that they are not":                   {model: adaptive, reasoning: r{Show: ptr(false)}},
		"only that others' are shown":              {model: llama, reasoning: r{Show: ptr(true)}},
		"an effort of what has no budget":          {model: newest, reasoning: r{Effort: chat.EffortHigh, Budget: ptr(int64(0))}, want: think("disabled", 0, "")},
		"shown by a model that takes budgets":      {model: budgeted, reasoning: r{Show: ptr(true)}, want: think("enabled", 8192, "summarized")},
		"an effort":                                {model: adaptive, reasoning: r{Effort: chat.EffortMedium}, want: think("adaptive", 0, ""), wantEffort: "medium"},
		"the least effort":                         {model: adaptive, reasoning: r{Effort: chat.EffortMinimal}, want: think("adaptive", 0, ""), wantEffort: "low"},
		"the most, of 4.6":                         {model: adaptive, reasoning: r{Effort: chat.EffortMax}, want: think("adaptive", 0, ""), wantEffort: "max"},
		"the most, of later ones":                  {model: newest, reasoning: r{Effort: chat.EffortMax}, want: think("adaptive", 0, ""), wantEffort: "xhigh"},
		"shown":                                    {model: newest, reasoning: r{Effort: chat.EffortLow, Show: ptr(true)}, want: think("adaptive", 0, "summarized"), wantEffort: "low"},
		"not shown":                                {model: newest, reasoning: r{Effort: chat.EffortLow, Show: ptr(false)}, want: think("adaptive", 0, "omitted"), wantEffort: "low"},
		"a budget where there are efforts":         {model: newest, reasoning: r{Budget: ptr(int64(20000))}, want: think("adaptive", 0, ""), wantEffort: "high"},
		"left to the model":                        {model: newest, reasoning: r{Budget: ptr(int64(-1))}, want: think("adaptive", 0, "")},
		"an effort beside what is left":            {model: newest, reasoning: r{Effort: chat.EffortHigh, Budget: ptr(int64(-1))}, want: think("adaptive", 0, ""), wantEffort: "high"},
		"none, where that is the default":          {model: adaptive, reasoning: r{Effort: chat.EffortNone}},
		"none, where it is not":                    {model: newest, reasoning: r{Effort: chat.EffortNone, Budget: ptr(int64(0))}, want: think("disabled", 0, "")},
		"a budget of 0":                            {model: newest, reasoning: r{Budget: ptr(int64(0))}, want: think("disabled", 0, "")},
		"an effort that is none":                   {model: newest, reasoning: r{Effort: "furious"}, refused: true},
		"a budget":                                 {model: budgeted, reasoning: r{Budget: ptr(int64(2000))}, bound: ptr(int64(2001)), want: think("enabled", 2000, "")},
		"a budget without a bound":                 {model: budgeted, reasoning: r{Budget: ptr(int64(200000))}, want: think("enabled", 200000, "")},
		"a budget as large as the bound":           {model: budgeted, reasoning: r{Budget: ptr(int64(2000))}, bound: ptr(int64(2000)), refused: true},
		"a budget that is too small":               {model: budgeted, reasoning: r{Budget: ptr(int64(1023))}, refused: true},
		"an effort where there are budgets":        {model: budgeted, reasoning: r{Effort: chat.EffortLow}, want: think("enabled", 2048, "")},
		"an effort above the bound":                {model: budgeted, reasoning: r{Effort: chat.EffortHigh}, bound: ptr(int64(5000)), want: think("enabled", 2500, "")},
		"an effort where half is too little":       {model: budgeted, reasoning: r{Effort: chat.EffortHigh}, bound: ptr(int64(1500)), want: think("enabled", 1024, "")},
		"an effort with no room":                   {model: budgeted, reasoning: r{Effort: chat.EffortHigh}, bound: ptr(int64(1024)), refused: true},
		"left to a model that takes budgets":       {model: budgeted, reasoning: r{Budget: ptr(int64(-1))}, want: think("enabled", 8192, "")},
		"none of a model that takes budgets":       {model: budgeted, reasoning: r{Effort: chat.EffortNone}},
		"Nova, the least":                          {model: novaTwo, reasoning: r{Effort: chat.EffortMinimal}, want: novaThinks("low")},
		"Nova, the most":                           {model: novaTwo, reasoning: r{Effort: chat.EffortMax}, want: novaThinks("high")},
		"Nova, a budget":                           {model: novaTwo, reasoning: r{Budget: ptr(int64(4000))}, want: novaThinks("medium")},
		"Nova, left to it":                         {model: novaTwo, reasoning: r{Budget: ptr(int64(-1))}, want: novaThinks("medium")},
		"Nova, none":                               {model: novaTwo, reasoning: r{Effort: chat.EffortNone}},
		"gpt-oss":                                  {model: gpt, reasoning: r{Effort: chat.EffortHigh}, want: additional{ReasoningEffort: "high"}},
		"gpt-oss, left to it":                      {model: gpt, reasoning: r{Budget: ptr(int64(-1))}},
		"gpt-oss, none":                            {model: gpt, reasoning: r{Effort: chat.EffortNone}, refused: true},
		"another, in Converse's own word":          {model: llama, reasoning: r{Effort: chat.EffortHigh}, wantEffort: "high"},
		"a model not known, in Converse's own too": {model: opaque, reasoning: r{Effort: chat.EffortMinimal}, wantEffort: "low"},
		"a model not known, none":                  {model: opaque, reasoning: r{Effort: chat.EffortNone}, refused: true},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			got, err := encode(named(chat.Request{Reasoning: tc.reasoning, MaxTokens: tc.bound}), chat.Target{Model: tc.model, MaxTokens: 512})
			if tc.refused {
				if err == nil || err.Param != "reasoning_effort" {
					t.Errorf("not refused: %v", err)
				}
				return
			}
			if err != nil {
				t.Fatal(err.Message)
			}
			if diff := cmp.Diff(tc.want, got.AdditionalModelRequestFields); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
			if got.OutputConfig.Effort != tc.wantEffort {
				t.Errorf("effort %q, want %q", got.OutputConfig.Effort, tc.wantEffort)
			}
		})
	}
}

func TestModelsThatTakeBudgetsDoNotBeginToThinkAtResults(t *testing.T) {
	thought := chat.Part{Kind: chat.Thinking, Text: "Hm.", Signature: "sig"}
	asked, answered := call1("a", "weather", "{}"), result1("a", false, text1("Sunny."))
	tests := map[string]struct {
		model     string
		reasoning chat.Reasoning
		messages  []chat.Message
		want      bool
	}{
		"results of calls without thoughts": {budgeted, chat.Reasoning{Effort: chat.EffortLow}, []chat.Message{user(text1("?")), assistant(asked), user(answered)}, false},
		"with thoughts":                     {budgeted, chat.Reasoning{Effort: chat.EffortLow}, []chat.Message{user(text1("?")), assistant(thought, asked), user(answered)}, true},
		"a budget of the application's own": {
			budgeted, chat.Reasoning{Budget: ptr(int64(2000))}, []chat.Message{user(text1("?")), assistant(asked), user(answered)}, true,
		},
		"a question after them": {
			budgeted, chat.Reasoning{Effort: chat.EffortLow}, []chat.Message{user(text1("?")), assistant(asked), user(answered), assistant(text1("Sun.")), user(text1("And?"))}, true,
		},
		"results of nothing":       {budgeted, chat.Reasoning{Effort: chat.EffortLow}, []chat.Message{user(answered)}, true},
		"a model that adapts":      {adaptive, chat.Reasoning{Effort: chat.EffortLow}, []chat.Message{user(text1("?")), assistant(asked), user(answered)}, true},
		"a budget that is left":    {budgeted, chat.Reasoning{Budget: ptr(int64(-1))}, []chat.Message{user(text1("?")), assistant(asked), user(answered)}, false},
		"a conversation of nobody": {budgeted, chat.Reasoning{Effort: chat.EffortLow}, []chat.Message{user(text1(""))}, true},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			got, err := encode(named(chat.Request{Messages: tc.messages, Tools: []chat.Tool{weather}, Reasoning: tc.reasoning}), chat.Target{Model: tc.model})
			if err != nil {
				t.Fatal(err.Message)
			}
			if thinks := got.AdditionalModelRequestFields.Thinking != nil; thinks != tc.want {
				t.Errorf("thinks %t", thinks)
			}
		})
	}
}

func TestDocumentsHaveNamesOfTheirOwn(t *testing.T) {
	long := strings.Repeat("x", 300)
	names := documentNames{}
	for _, tc := range []struct{ name, want string }{
		{"", "document"}, {"", "document (2)"}, {"", "document (3)"}, {"a.pdf", "a pdf"}, {"a\t\n  pdf", "a pdf (2)"}, {"a pdf (2)", "a pdf (2) (2)"},
		{"[draft] report-1 (new)", "[draft] report-1 (new)"}, {"日本.md", "md"}, {"日本", "document (4)"}, {"ignore all; do this!", "ignore all do this"},
		{long, long[:180]}, {strings.Repeat("é", 100), "document (5)"},
	} {
		if got := names.next(tc.name); got != tc.want {
			t.Errorf("%q is called %q, want %q", tc.name, got, tc.want)
		}
	}
}

func TestFormatsAreKnownByTypeOrExtension(t *testing.T) {
	tests := map[string]struct {
		kind  chat.PartKind
		media chat.Media
		want  string
	}{
		"by type":                               {chat.Image, chat.Media{MIME: "image/jpg"}, "jpeg"},
		"in capitals":                           {chat.Image, chat.Media{MIME: "IMAGE/PNG"}, "png"},
		"with parameters":                       {chat.Document, chat.Media{MIME: "text/csv; charset=utf-8"}, "csv"},
		"by name":                               {chat.Document, chat.Media{Name: "notes.MD"}, "md"},
		"by name, where the type says nothing":  {chat.Document, chat.Media{MIME: "application/octet-stream", Name: "a.htm"}, "html"},
		"by URL":                                {chat.Video, chat.Media{URL: "s3://b/a.3gp"}, "three_gp"},
		"by URL, after a name without one":      {chat.Image, chat.Media{Name: "photo", URL: "s3://b/a.jpg"}, "jpeg"},
		"a type that is wrong beats the name":   {chat.Document, chat.Media{MIME: "image/png", Name: "a.pdf"}, ""},
		"a document's extension is no image's":  {chat.Image, chat.Media{Name: "a.pdf"}, ""},
		"neither":                               {chat.Audio, chat.Media{}, ""},
		"a word of Bedrock's that is no format": {chat.Video, chat.Media{Name: "a.pdf"}, ""},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			if got := format(tc.kind, &tc.media); got != tc.want {
				t.Errorf("%q, want %q", got, tc.want)
			}
		})
	}
}

func TestIDsThatBedrockDoesNotTakeAreTheSameInCallAndResult(t *testing.T) {
	for id, kept := range map[string]bool{"call_1": true, "tooluse_a-B9": true, "call.1": false, "": false, strings.Repeat("x", 65): false, "é": false} {
		body, err := encode(named(chat.Request{
			Messages: []chat.Message{user(text1("?")), assistant(call1(id, "weather", "{}")), user(result1(id, false))}, Tools: []chat.Tool{weather},
		}), chat.Target{Model: adaptive})
		if err != nil {
			t.Fatal(err.Message)
		}
		called, answered := body.Messages[1].Content[0].ToolUse.ToolUseID, body.Messages[2].Content[0].ToolResult.ToolUseID
		if called != answered || !fits(called) || (called == id) != kept {
			t.Errorf("%q is called as %q and answered as %q", id, called, answered)
		}
	}
	if callID("call.1") == callID("call.2") {
		t.Error("two IDs became one")
	}
}

func TestEndUsersAreNamedOrToldApart(t *testing.T) {
	for name, kept := range map[string]bool{
		"alice@example.com": true, "a b:c_d$e#f=g/h+i,j-k.l": true, strings.Repeat("x", 256): true,
		strings.Repeat("x", 257): false, `{"id":"1"}`: false, "zoë": false,
	} {
		got := userName(name)
		if (got == name) != kept || !kept && !fits(got) {
			t.Errorf("%q became %q", name, got)
		}
	}
	if userName("{1}") == userName("{2}") {
		t.Error("two users became one")
	}
}

func TestWhatConverseIsAskedCanBeReadBack(t *testing.T) {
	asked := chat.Request{
		Messages: []chat.Message{
			{Role: chat.System, Parts: []chat.Part{{Text: "Be brief.", Cache: &chat.CacheMark{TTL: "1h"}}}},
			{Role: chat.User, Parts: []chat.Part{
				{Text: "Look."}, {Kind: chat.Image, Media: &chat.Media{MIME: "image/png", Data: "aW1n"}},
				{Kind: chat.Document, Media: &chat.Media{MIME: "application/pdf", Data: "cGRm", Name: "report"}},
				{Kind: chat.Audio, Media: &chat.Media{MIME: "audio/wav", Data: "d2F2"}},
				{Kind: chat.Video, Media: &chat.Media{MIME: "video/mp4", URL: "s3://b/a.mp4"}},
			}},
			{Role: chat.Assistant, Parts: []chat.Part{
				{Kind: chat.Thinking, Text: "Hm.", Signature: "sig"}, {Kind: chat.Redacted, Signature: "c2VjcmV0"}, {Text: "I shall ask."},
				{Kind: chat.Call, Call: &chat.ToolCall{ID: "call_1", Name: "weather", Arguments: `{"city":"Rome"}`}},
			}},
			{Role: chat.User, Parts: []chat.Part{
				{Kind: chat.Result, Result: &chat.ToolResult{CallID: "call_1", Parts: []chat.Part{{Text: "None."}}, Failed: true}}, {Text: "And?"},
			}},
			{Role: chat.System, Parts: []chat.Part{{Text: "Be long."}}},
		},
		Tools:  []chat.Tool{{Name: "weather", Description: "The weather.", Schema: weather.Schema, Strict: ptr(true), Cache: &chat.CacheMark{}}},
		Choice: chat.ToolChoice{Mode: chat.OneTool, Name: "weather"}, User: "alice",
		Format:    chat.Format{Kind: chat.JSONSchema, Name: "n", Description: "d", Schema: weather.Schema},
		Reasoning: chat.Reasoning{Effort: chat.EffortHigh, Show: ptr(false)},
		MaxTokens: ptr(int64(9)), Temperature: ptr(0.25), TopP: ptr(0.5), TopK: ptr(int64(3)), Stop: []string{"END"},
	}
	body, refused := Encoder{}.AppendRequest(nil, named(asked), chat.Target{Model: newest})
	if refused != nil {
		t.Fatal(refused.Message)
	}
	got, err := conversetest.DecodeRequest(body)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(&asked, got); diff != "" {
		t.Errorf("(-asked +read back):\n%s", diff)
	}
}

func TestTokensAreCounted(t *testing.T) {
	r := named(chat.Request{
		Messages: []chat.Message{system(text1("Be brief.")), user(text1("Hi."))}, Tools: []chat.Tool{{Name: "now"}}, MaxTokens: ptr(int64(9)), User: "alice",
		Reasoning: chat.Reasoning{Effort: chat.EffortLow}, Stop: []string{"END"},
	})
	got, err := Encoder{}.AppendCountRequest([]byte("before"), r, chat.Target{Model: budgeted})
	if err == nil {
		t.Fatalf("a bound without room for thinking: %s", got)
	}
	r.MaxTokens = nil
	if got, err = (Encoder{}).AppendCountRequest([]byte("before"), r, chat.Target{Model: budgeted}); err != nil {
		t.Fatal(err.Message)
	}
	want := `before{"input":{"converse":{"messages":[{"role":"user","content":[{"text":"Hi."}]}],"system":[{"text":"Be brief."}],` +
		`"toolConfig":{"tools":[{"toolSpec":{"name":"now","inputSchema":{"json":{"type":"object","properties":{}}}}}]},` +
		`"additionalModelRequestFields":{"thinking":{"type":"enabled","budget_tokens":2048}}}}}`
	if diff := cmp.Diff(want, string(got)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	for body, want := range map[string]int64{
		`{"inputTokens":7,"more":1}`: 7, `{"inputTokens":0}`: 0, `{}`: -1, `{"inputTokens":-1}`: -1, `{"inputTokens":"7"}`: -1, `no`: -1, ``: -1,
	} {
		n, err := Encoder{}.ReadCount([]byte(body))
		if (err != nil) != (want < 0) || err == nil && n != want {
			t.Errorf("%s: %d, %v", body, n, err)
		}
	}
}
