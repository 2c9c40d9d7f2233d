// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package anthropic

import (
	"strings"
	"testing"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/sparkgateway/spark/gateway/dialect/chat"
	"github.com/sparkgateway/spark/gateway/exchange"
)

// body is a request with one message and what else is given.
func body(members string) string {
	return `{"model":"m","max_tokens":10,"messages":[{"role":"user","content":"hi"}],` + members + `}`
}

// saying is a request with one message of a role.
func saying(role, content string) string {
	return `{"model":"m","max_tokens":10,"messages":[{"role":"` + role + `","content":` + content + `}]}`
}

func TestDecodeRequestReadsEveryField(t *testing.T) {
	const text = `{
		"model": "claude-sonnet-4-5", "max_tokens": 4096, "stream": true,
		"system": [{"type": "text", "text": "Be brief.", "cache_control": {"type": "ephemeral", "ttl": "1h", "scope": "global"}}],
		"messages": [
			{"role": "user", "content": "Weather in Lyon?"},
			{"role": "assistant", "content": [
				{"type": "thinking", "thinking": "I need the tool.", "signature": ""},
				{"type": "redacted_thinking", "data": "opaque"},
				{"type": "text", "text": "I will look.", "citations": null},
				{"type": "tool_use", "id": "t1", "name": "weather", "input": {"city": "Lyon"}, "caller": {"type": "direct"}}
			]},
			{"role": "user", "content": [
				{"type": "tool_result", "tool_use_id": "t1", "content": "18 °C", "is_error": true, "cache_control": {"type": "ephemeral"}},
				{"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "AAAA"}},
				{"type": "document", "source": {"type": "text", "media_type": "text/plain", "data": "abc"}, "title": "T", "context": null, "citations": {"enabled": false}}
			]},
			{"role": "system", "content": "In French."}
		],
		"tools": [{"type": "custom", "name": "weather", "description": "d", "input_schema": {"type":"object"}, "strict": false,
			"eager_input_streaming": true, "defer_loading": false, "allowed_callers": ["direct"], "input_examples": []}],
		"tool_choice": {"type": "tool", "name": "weather", "disable_parallel_tool_use": true},
		"thinking": {"type": "enabled", "budget_tokens": 2000, "display": "summarized"},
		"output_config": {"effort": "max", "format": {"type": "json_schema", "schema": {"type":"object"}}},
		"stop_sequences": ["END"], "temperature": 0.5, "top_p": 0.9, "top_k": 40,
		"metadata": {"user_id": "u1"}, "service_tier": "auto", "speed": "standard",
		"diagnostics": {"previous_message_id": "msg_0"},
		"context_management": {"edits": [{"type": "clear_thinking_20251015", "keep": "all"}]}
	}`
	got, err := Decoder{}.DecodeRequest([]byte(text))
	if err != nil {
		t.Fatal(err)
	}
	sameRequest(t, &chat.Request{
		Model: "claude-sonnet-4-5", Stream: true, IncludeUsage: true, MaxTokens: ptr[int64](4096),
		Messages: []chat.Message{
			{Role: chat.System, At: "system", Parts: []chat.Part{{Text: "Be brief.", Cache: &chat.CacheMark{TTL: "1h"}, At: "system[0]"}}},
			{Role: chat.User, At: "messages[0]", Parts: []chat.Part{{Text: "Weather in Lyon?", At: "messages[0].content"}}},
			{Role: chat.Assistant, At: "messages[1]", Parts: []chat.Part{
				{Kind: chat.Thinking, Text: "I need the tool.", At: "messages[1].content[0]"},
				{Kind: chat.Redacted, Signature: "opaque", At: "messages[1].content[1]"},
				{Text: "I will look.", At: "messages[1].content[2]"},
				{Kind: chat.Call, Call: &chat.ToolCall{ID: "t1", Name: "weather", Arguments: `{"city": "Lyon"}`}, At: "messages[1].content[3]"},
			}},
			{Role: chat.User, At: "messages[2]", Parts: []chat.Part{
				{Kind: chat.Result, At: "messages[2].content[0]", Cache: &chat.CacheMark{}, Result: &chat.ToolResult{
					CallID: "t1", Name: "weather", Failed: true, Parts: []chat.Part{{Text: "18 °C", At: "messages[2].content[0].content"}},
				}},
				{Kind: chat.Image, Media: &chat.Media{MIME: "image/png", Data: "AAAA"}, At: "messages[2].content[1]"},
				{Kind: chat.Document, Media: &chat.Media{MIME: "text/plain", Data: "YWJj", Name: "T"}, At: "messages[2].content[2]"},
			}},
			{Role: chat.System, At: "messages[3]", Parts: []chat.Part{{Text: "In French.", At: "messages[3].content"}}},
		},
		Tools: []chat.Tool{{
			Name: "weather", Description: "d", Schema: jsontext.Value(`{"type":"object"}`), Strict: ptr(false), At: "tools[0]",
		}},
		Choice:        chat.ToolChoice{Mode: chat.OneTool, Name: "weather"},
		ParallelCalls: ptr(false),
		Format:        chat.Format{Kind: chat.JSONSchema, Schema: jsontext.Value(`{"type":"object"}`), Strict: ptr(true)},
		Reasoning:     chat.Reasoning{Effort: chat.EffortMax, Budget: ptr[int64](2000), Show: ptr(true)},
		Temperature:   ptr(0.5), TopP: ptr(0.9), TopK: ptr[int64](40), Stop: []string{"END"}, User: "u1",
	}, got)
}

func TestDecodeRequestReadsSources(t *testing.T) {
	for name, test := range map[string]struct {
		block string
		kind  chat.PartKind
		want  chat.Media
	}{
		"an image by URL":     {`{"type":"image","source":{"type":"url","url":"https://a/b.png"}}`, chat.Image, chat.Media{URL: "https://a/b.png"}},
		"an image by file":    {`{"type":"image","source":{"type":"file","file_id":"f"}}`, chat.Image, chat.Media{FileID: "f"}},
		"a document in place": {`{"type":"document","source":{"type":"base64","media_type":"application/pdf","data":"AA=="}}`, chat.Document, chat.Media{MIME: "application/pdf", Data: "AA=="}},
		"a document by URL":   {`{"type":"document","source":{"type":"url","url":"https://a/b"}}`, chat.Document, chat.Media{MIME: "application/pdf", URL: "https://a/b"}},
		"a document by file":  {`{"type":"document","source":{"type":"file","file_id":"f"},"title":"T"}`, chat.Document, chat.Media{FileID: "f", Name: "T"}},
	} {
		t.Run(name, func(t *testing.T) {
			r, err := Decoder{}.DecodeRequest([]byte(saying("user", "["+test.block+"]")))
			if err != nil {
				t.Fatal(err)
			}
			p := r.Messages[0].Parts[0]
			if p.Kind != test.kind || *p.Media != test.want {
				t.Errorf("%v %+v", p.Kind, p.Media)
			}
		})
	}
}

func TestDecodeRequestReadsHowToThink(t *testing.T) {
	for name, test := range map[string]struct {
		members string
		want    chat.Reasoning
	}{
		"nothing":                  {`"stream":false`, chat.Reasoning{}},
		"an effort alone":          {`"output_config":{"effort":"low"}`, chat.Reasoning{Effort: chat.EffortLow}},
		"adaptive":                 {`"thinking":{"type":"adaptive"}`, chat.Reasoning{Budget: ptr[int64](-1)}},
		"adaptive with an effort":  {`"thinking":{"type":"adaptive","display":"omitted"},"output_config":{"effort":"xhigh"}`, chat.Reasoning{Budget: ptr[int64](-1), Effort: chat.EffortMax, Show: ptr(false)}},
		"a budget":                 {`"thinking":{"type":"enabled","budget_tokens":1024}`, chat.Reasoning{Budget: ptr[int64](1024)}},
		"disabled":                 {`"thinking":{"type":"disabled"}`, chat.Reasoning{Budget: ptr[int64](0), Effort: chat.EffortNone}},
		"disabled wins over hints": {`"thinking":{"type":"disabled"},"output_config":{"effort":"medium"}`, chat.Reasoning{Budget: ptr[int64](0), Effort: chat.EffortNone}},
	} {
		t.Run(name, func(t *testing.T) {
			r, err := Decoder{}.DecodeRequest([]byte(body(test.members)))
			if err != nil {
				t.Fatal(err)
			}
			sameRequest(t, &chat.Request{
				Model: "m", IncludeUsage: true, MaxTokens: ptr[int64](10), Reasoning: test.want,
				Messages: []chat.Message{{Role: chat.User, At: "messages[0]", Parts: []chat.Part{{Text: "hi", At: "messages[0].content"}}}},
			}, r)
		})
	}
}

func TestDecodeRequestRefusesByPlace(t *testing.T) {
	for name, test := range map[string]struct{ body, param string }{
		"no bound":                            {`{"model":"m","messages":[{"role":"user","content":"hi"}]}`, "max_tokens"},
		"a bound of nothing":                  {`{"model":"m","max_tokens":0,"messages":[{"role":"user","content":"hi"}]}`, "max_tokens"},
		"no model":                            {`{"max_tokens":1,"messages":[{"role":"user","content":"hi"}]}`, "model"},
		"no messages":                         {`{"model":"m","max_tokens":1,"messages":[]}`, "messages"},
		"a wrong type":                        {`{"model":"m","max_tokens":"1","messages":[]}`, "max_tokens"},
		"a name twice":                        {`{"model":"m","model":"n","max_tokens":1,"messages":[]}`, "model"},
		"no JSON":                             {`{`, ""},
		"an unknown field":                    {body(`"seed":3`), "seed"},
		"servers of tools":                    {body(`"mcp_servers":[]`), "mcp_servers"},
		"a container":                         {body(`"container":"c"`), "container"},
		"a region":                            {body(`"inference_geo":"eu"`), "inference_geo"},
		"another tier":                        {body(`"service_tier":"standard_only"`), "service_tier"},
		"another speed":                       {body(`"speed":"fast"`), "speed"},
		"edits of the context":                {body(`"context_management":{"edits":[{"type":"clear_tool_uses_20250919"}]}`), "context_management.edits[0]"},
		"edits that clear":                    {body(`"context_management":{"edits":[{"type":"clear_thinking_20251015","keep":{"type":"thinking_turns","value":1}}]}`), "context_management.edits[0]"},
		"an unknown field of an edit":         {body(`"context_management":{"edits":[{"type":"clear_thinking_20251015","keep":"all","x":1}]}`), "context_management.edits[0].x"},
		"an unknown field of the edits":       {body(`"context_management":{"x":1}`), "context_management.x"},
		"an unknown field of metadata":        {body(`"metadata":{"team":"t"}`), "metadata.team"},
		"a system of numbers":                 {body(`"system":[1]`), "system[0]"},
		"a system with an image":              {body(`"system":[{"type":"image"}]`), "system[0].type"},
		"a number as system":                  {body(`"system":1`), "system"},
		"an unknown role":                     {saying("tool", `"x"`), "messages[0].role"},
		"no content":                          {`{"model":"m","max_tokens":1,"messages":[{"role":"user"}]}`, "messages[0].content"},
		"an unknown field of a message":       {`{"model":"m","max_tokens":1,"messages":[{"role":"user","content":"a","name":"bob"}]}`, "messages[0].name"},
		"content of no kind":                  {saying("user", `{"type":"text"}`), "messages[0].content"},
		"a block of no type":                  {saying("user", `[{"text":"a"}]`), "messages[0].content[0].type"},
		"a block that is no object":           {saying("user", `["a"]`), "messages[0].content[0]"},
		"a block that is null":                {saying("user", `[null]`), "messages[0].content[0].type"},
		"an unknown block":                    {saying("user", `[{"type":"search_result"}]`), "messages[0].content[0].type"},
		"a server's tool use":                 {saying("assistant", `[{"type":"server_tool_use"}]`), "messages[0].content[0].type"},
		"a call by the user":                  {saying("user", `[{"type":"tool_use","id":"a","name":"b","input":{}}]`), "messages[0].content[0].type"},
		"a result by the assistant":           {saying("assistant", `[{"type":"tool_result","tool_use_id":"a"}]`), "messages[0].content[0].type"},
		"an image by the assistant":           {saying("assistant", `[{"type":"image","source":{"type":"url","url":"u"}}]`), "messages[0].content[0].type"},
		"an image in instructions":            {saying("system", `[{"type":"image"}]`), "messages[0].content[0].type"},
		"an unknown field of a text":          {saying("user", `[{"type":"text","text":"a","lang":"fr"}]`), "messages[0].content[0].lang"},
		"a text that is a number":             {saying("user", `[{"type":"text","text":1}]`), "messages[0].content[0].text"},
		"citations in a text":                 {saying("assistant", `[{"type":"text","text":"a","citations":[{}]}]`), "messages[0].content[0].citations"},
		"a mark of another type":              {saying("user", `[{"type":"text","text":"a","cache_control":{"type":"forever"}}]`), "messages[0].content[0].cache_control.type"},
		"a mark of another time":              {saying("user", `[{"type":"text","text":"a","cache_control":{"type":"ephemeral","ttl":"1d"}}]`), "messages[0].content[0].cache_control.ttl"},
		"an unknown field of a mark":          {saying("user", `[{"type":"text","text":"a","cache_control":{"type":"ephemeral","x":1}}]`), "messages[0].content[0].cache_control.x"},
		"a bad mark of the request":           {body(`"cache_control":{"type":"x"}`), "cache_control.type"},
		"an image without a source":           {saying("user", `[{"type":"image"}]`), "messages[0].content[0].source"},
		"an image without data":               {saying("user", `[{"type":"image","source":{"type":"base64","media_type":"image/png"}}]`), "messages[0].content[0].source.data"},
		"an image without its type":           {saying("user", `[{"type":"image","source":{"type":"base64","data":"AA=="}}]`), "messages[0].content[0].source.media_type"},
		"an image without its URL":            {saying("user", `[{"type":"image","source":{"type":"url"}}]`), "messages[0].content[0].source.url"},
		"an image without its file":           {saying("user", `[{"type":"image","source":{"type":"file"}}]`), "messages[0].content[0].source.file_id"},
		"an image of text":                    {saying("user", `[{"type":"image","source":{"type":"text","data":"a"}}]`), "messages[0].content[0].source.type"},
		"an image with a title":               {saying("user", `[{"type":"image","title":"t","source":{"type":"url","url":"u"}}]`), "messages[0].content[0].title"},
		"an image that must not be scaled":    {saying("user", `[{"type":"image","transformations":{"oversized_image":"error"},"source":{"type":"url","url":"u"}}]`), "messages[0].content[0].transformations"},
		"an unknown field of a source":        {saying("user", `[{"type":"image","source":{"type":"url","url":"u","x":1}}]`), "messages[0].content[0].source.x"},
		"a document of blocks":                {saying("user", `[{"type":"document","source":{"type":"content","content":"a"}}]`), "messages[0].content[0].source.content"},
		"a document with context":             {saying("user", `[{"type":"document","context":"c","source":{"type":"url","url":"u"}}]`), "messages[0].content[0].context"},
		"a document to be cited":              {saying("user", `[{"type":"document","citations":{"enabled":true},"source":{"type":"url","url":"u"}}]`), "messages[0].content[0].citations"},
		"an unknown field of citations":       {saying("user", `[{"type":"document","citations":{"x":1},"source":{"type":"url","url":"u"}}]`), "messages[0].content[0].citations.x"},
		"an unknown field of a thought":       {saying("assistant", `[{"type":"thinking","thinking":"a","signature":"b","x":1}]`), "messages[0].content[0].x"},
		"an unknown field of hidden thought":  {saying("assistant", `[{"type":"redacted_thinking","data":"a","x":1}]`), "messages[0].content[0].x"},
		"a call without an ID":                {saying("assistant", `[{"type":"tool_use","name":"b","input":{}}]`), "messages[0].content[0].id"},
		"a call without a name":               {saying("assistant", `[{"type":"tool_use","id":"b","input":{}}]`), "messages[0].content[0].name"},
		"a call with a list":                  {saying("assistant", `[{"type":"tool_use","id":"a","name":"b","input":[]}]`), "messages[0].content[0].input"},
		"a call without input":                {saying("assistant", `[{"type":"tool_use","id":"a","name":"b"}]`), "messages[0].content[0].input"},
		"a call from code":                    {saying("assistant", `[{"type":"tool_use","id":"a","name":"b","input":{},"caller":{"type":"code_execution_20250825","tool_id":"x"}}]`), "messages[0].content[0].caller"},
		"a call of a toolset":                 {saying("assistant", `[{"type":"tool_use","id":"a","name":"b","input":{},"toolset_name":"t"}]`), "messages[0].content[0].toolset_name"},
		"a result of no call":                 {saying("user", `[{"type":"tool_result","content":"x"}]`), "messages[0].content[0].tool_use_id"},
		"a result that refers to a tool":      {saying("user", `[{"type":"tool_result","tool_use_id":"a","content":[{"type":"tool_reference","tool_name":"t"}]}]`), "messages[0].content[0].content[0].type"},
		"a tool that Anthropic runs":          {body(`"tools":[{"type":"web_search_20250305","name":"web_search","max_uses":3}]`), "tools[0].type"},
		"a tool that Anthropic defines":       {body(`"tools":[{"name":"a","input_schema":{}},{"type":"bash_20250124","name":"bash"}]`), "tools[1].type"},
		"a tool that is no object":            {body(`"tools":["a"]`), "tools[0]"},
		"a tool without a name":               {body(`"tools":[{"input_schema":{}}]`), "tools[0].name"},
		"a tool without a schema":             {body(`"tools":[{"name":"a"}]`), "tools[0].input_schema"},
		"a tool with a wrong schema":          {body(`"tools":[{"name":"a","input_schema":[]}]`), "tools[0].input_schema"},
		"a tool to be found later":            {body(`"tools":[{"name":"a","input_schema":{},"defer_loading":true}]`), "tools[0].defer_loading"},
		"a tool with examples":                {body(`"tools":[{"name":"a","input_schema":{},"input_examples":[{}]}]`), "tools[0].input_examples"},
		"a tool for code":                     {body(`"tools":[{"name":"a","input_schema":{},"allowed_callers":["code_execution_20250825"]}]`), "tools[0].allowed_callers"},
		"a tool with a bad mark":              {body(`"tools":[{"name":"a","input_schema":{},"cache_control":{"type":"x"}}]`), "tools[0].cache_control.type"},
		"an unknown field of a tool":          {body(`"tools":[{"name":"a","input_schema":{},"x":1}]`), "tools[0].x"},
		"a choice of no type":                 {body(`"tool_choice":{"type":"required"}`), "tool_choice.type"},
		"a choice of one without its name":    {body(`"tool_choice":{"type":"tool"}`), "tool_choice.name"},
		"a choice of any with a name":         {body(`"tool_choice":{"type":"any","name":"a"}`), "tool_choice.name"},
		"an unknown field of a choice":        {body(`"tool_choice":{"type":"any","x":1}`), "tool_choice.x"},
		"a format of another type":            {body(`"output_config":{"format":{"type":"json_object"}}`), "output_config.format.type"},
		"a format without a schema":           {body(`"output_config":{"format":{"type":"json_schema"}}`), "output_config.format.schema"},
		"a format with a wrong schema":        {body(`"output_format":{"type":"json_schema","schema":true}`), "output_format.schema"},
		"an unknown field of a format":        {body(`"output_format":{"type":"json_schema","schema":{},"name":"n"}`), "output_format.name"},
		"two formats":                         {body(`"output_format":{"type":"json_schema","schema":{}},"output_config":{"format":{"type":"json_schema","schema":{}}}`), "output_format"},
		"an unknown effort":                   {body(`"output_config":{"effort":"minimal"}`), "output_config.effort"},
		"a budget for a task":                 {body(`"output_config":{"task_budget":{"type":"tokens","total":20000}}`), "output_config.task_budget"},
		"thinking between tools":              {body(`"thinking":{"type":"between_tools"}`), "thinking.type"},
		"thinking of no type":                 {body(`"thinking":{"type":"hard"}`), "thinking.type"},
		"thinking without a budget":           {body(`"thinking":{"type":"enabled"}`), "thinking.budget_tokens"},
		"thinking with a budget of nothing":   {body(`"thinking":{"type":"enabled","budget_tokens":0}`), "thinking.budget_tokens"},
		"adaptive thinking with a budget":     {body(`"thinking":{"type":"adaptive","budget_tokens":1024}`), "thinking.budget_tokens"},
		"thinking shown in another way":       {body(`"thinking":{"type":"adaptive","display":"full"}`), "thinking.display"},
		"an unknown field of thinking":        {body(`"thinking":{"type":"adaptive","x":1}`), "thinking.x"},
		"a field in another case is unknown":  {body(`"Stream":true`), "Stream"},
		"a stop sequence that is not a text":  {body(`"stop_sequences":[1]`), "stop_sequences[0]"},
		"a tool's name that is not a text":    {body(`"tools":[{"name":1,"input_schema":{}}]`), "tools[0].name"},
		"an input with a name that is twice":  {saying("assistant", `[{"type":"tool_use","id":"a","name":"b","input":{"x":1,"x":2}}]`), "messages[0].content[0].input.x"},
		"the source of a document is unknown": {saying("user", `[{"type":"document","source":{"type":"ftp"}}]`), "messages[0].content[0].source.type"},
	} {
		t.Run(name, func(t *testing.T) {
			r, err := Decoder{}.DecodeRequest([]byte(test.body))
			wantRefusal(t, err, test.param)
			if r != nil && err != nil {
				t.Error("a request beside the refusal")
			}
		})
	}
}

func TestWhatIsWrongIsToldFromWhatOtherDialectsLack(t *testing.T) {
	for name, test := range map[string]struct {
		body, code string
		reason     exchange.Reason
	}{
		"thinking that only Anthropic has": {body(`"thinking":{"type":"between_tools"}`), "unsupported_parameter", exchange.ReasonUntranslatable},
		"thinking that nobody has":         {body(`"thinking":{"type":"hard"}`), "invalid_value", exchange.ReasonInvalidBody},
		"a field that only Anthropic has":  {body(`"container":"c"`), "unsupported_parameter", exchange.ReasonUntranslatable},
		"a tool that Anthropic runs":       {body(`"tools":[{"type":"web_fetch_20250910"}]`), "unsupported_parameter", exchange.ReasonUntranslatable},
		"a field that is not there":        {body(`"tools":[{"name":"a"}]`), "missing_required_parameter", exchange.ReasonInvalidBody},
		"a field of another type":          {body(`"top_k":"1"`), "invalid_type", exchange.ReasonInvalidBody},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := Decoder{}.DecodeRequest([]byte(test.body))
			if err == nil || err.Code != test.code || err.Reason != test.reason {
				t.Errorf("%+v, want %s, %s", err, test.code, test.reason)
			}
		})
	}
}

func TestARefusalTellsNoValue(t *testing.T) {
	for _, text := range []string{
		body(`"thinking":{"type":"sk-secret"}`), body(`"seed":"sk-secret"`), body(`"output_config":{"effort":"sk-secret"}`),
		saying("sk-secret", `"x"`), saying("user", `[{"type":"sk-secret"}]`), body(`"tool_choice":{"type":"sk-secret"}`),
	} {
		_, err := Decoder{}.DecodeRequest([]byte(text))
		if err == nil || strings.Contains(err.Message+err.Param+err.Error(), "secret") {
			t.Errorf("%s: %+v", text, err)
		}
	}
}

func TestWhatAsksForNothingIsAccepted(t *testing.T) {
	for name, members := range map[string]string{
		"nulls":                   `"system":null,"tools":null,"tool_choice":null,"thinking":null,"output_config":null,"metadata":null,"cache_control":null,"service_tier":null,"seed":null`,
		"no instructions":         `"system":""`,
		"no blocks of them":       `"system":[]`,
		"no edits":                `"context_management":{"edits":[]}`,
		"diagnostics":             `"diagnostics":{"previous_message_id":null}`,
		"empty options":           `"metadata":{"user_id":null},"output_config":{"effort":null,"format":null}`,
		"no servers' own default": `"stream":false,"mcp_servers":null,"container":null`,
	} {
		t.Run(name, func(t *testing.T) {
			r, err := Decoder{}.DecodeRequest([]byte(body(members)))
			if err != nil {
				t.Fatal(err)
			}
			sameRequest(t, &chat.Request{
				Model: "m", IncludeUsage: true, MaxTokens: ptr[int64](10),
				Messages: []chat.Message{{Role: chat.User, At: "messages[0]", Parts: []chat.Part{{Text: "hi", At: "messages[0].content"}}}},
			}, r)
		})
	}
}

func TestArgumentsThatWereNoObjectComeBackAsTheyWere(t *testing.T) {
	r, err := Decoder{}.DecodeRequest([]byte(saying("assistant", `[{"type":"tool_use","id":"a","name":"b","input":"{\"city\": "}]`)))
	if err != nil {
		t.Fatal(err)
	}
	if got := r.Messages[0].Parts[0].Call.Arguments; got != `{"city": ` {
		t.Errorf("got %q", got)
	}
}

func TestTheMarkOfTheRequestStandsOnItsLastBlock(t *testing.T) {
	r, err := Decoder{}.DecodeRequest([]byte(body(`"cache_control":{"type":"ephemeral","ttl":"5m"}`)))
	if err != nil {
		t.Fatal(err)
	}
	if mark := r.Messages[0].Parts[0].Cache; mark == nil || mark.TTL != "5m" {
		t.Errorf("got %v", mark)
	}
	r, err = Decoder{}.DecodeRequest([]byte(`{"model":"m","max_tokens":1,"cache_control":{"type":"ephemeral"},"messages":[{"role":"user","content":[
		{"type":"text","text":"a","cache_control":{"type":"ephemeral","ttl":"1h"}}]}]}`))
	if err != nil {
		t.Fatal(err)
	}
	if mark := r.Messages[0].Parts[0].Cache; mark == nil || mark.TTL != "1h" {
		t.Errorf("the block's own mark became %v", mark)
	}
}

func TestFieldsAreNamedAsTheApplicationNamesThem(t *testing.T) {
	for name, test := range map[string]struct {
		members string
		field   chat.Field
		want    string
	}{
		"tools":                   {`"top_k":1`, chat.FieldTools, "tools"},
		"choice":                  {`"top_k":1`, chat.FieldToolChoice, "tool_choice"},
		"parallel calls":          {`"top_k":1`, chat.FieldParallelCalls, "tool_choice.disable_parallel_tool_use"},
		"the format":              {`"top_k":1`, chat.FieldFormat, "output_config.format"},
		"the older format":        {`"output_format":{"type":"json_schema","schema":{}}`, chat.FieldFormat, "output_format"},
		"thinking":                {`"thinking":{"type":"adaptive"}`, chat.FieldReasoning, "thinking"},
		"the effort":              {`"output_config":{"effort":"low"}`, chat.FieldReasoning, "output_config.effort"},
		"the bound":               {`"top_k":1`, chat.FieldMaxTokens, "max_tokens"},
		"temperature":             {`"top_k":1`, chat.FieldTemperature, "temperature"},
		"top_p":                   {`"top_k":1`, chat.FieldTopP, "top_p"},
		"top_k":                   {`"top_k":1`, chat.FieldTopK, "top_k"},
		"stop":                    {`"top_k":1`, chat.FieldStop, "stop_sequences"},
		"the user":                {`"top_k":1`, chat.FieldUser, "metadata.user_id"},
		"what it cannot ask for":  {`"top_k":1`, chat.FieldSeed, ""},
		"what it cannot ask too":  {`"top_k":1`, chat.FieldLogProbs, ""},
		"what it cannot ask more": {`"top_k":1`, chat.FieldCandidates, ""},
	} {
		t.Run(name, func(t *testing.T) {
			r, err := Decoder{}.DecodeRequest([]byte(body(test.members)))
			if err != nil {
				t.Fatal(err)
			}
			if got := r.Names(test.field); got != test.want {
				t.Errorf("got %q, want %q", got, test.want)
			}
		})
	}
}

func TestDecodeCountRequestNeedsNoBound(t *testing.T) {
	r, err := Decoder{}.DecodeCountRequest([]byte(`{"model":"m","system":"s","messages":[{"role":"user","content":"hi"}]}`))
	if err != nil {
		t.Fatal(err)
	}
	sameRequest(t, &chat.Request{Model: "m", IncludeUsage: true, Messages: []chat.Message{
		{Role: chat.System, At: "system", Parts: []chat.Part{{Text: "s", At: "system"}}},
		{Role: chat.User, At: "messages[0]", Parts: []chat.Part{{Text: "hi", At: "messages[0].content"}}},
	}}, r)
	_, err = Decoder{}.DecodeCountRequest([]byte(`{"messages":[{"role":"user","content":"hi"}]}`))
	wantRefusal(t, err, "model")
	_, err = Decoder{}.DecodeCountRequest([]byte(`{"model":1}`))
	wantRefusal(t, err, "model")
}
