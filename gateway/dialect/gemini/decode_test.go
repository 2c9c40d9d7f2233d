// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package gemini

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/sparkgateway/spark/gateway/dialect/chat"
	"github.com/sparkgateway/spark/gateway/exchange"
)

// hello is a conversation to put other fields beside.
const hello = `"contents":[{"role":"user","parts":[{"text":"x"}]}]`

func TestWhatOnlyGoogleHasIsRefusedByItsPlace(t *testing.T) {
	for name, test := range map[string]struct{ body, want string }{
		"an unknown field":              {`{` + hello + `,"frobnicate":1}`, "frobnicate"},
		"safety settings":               {`{` + hello + `,"safetySettings":[{"category":"HARM_CATEGORY_HARASSMENT","threshold":"OFF"}]}`, "safetySettings"},
		"safety settings in snake case": {`{` + hello + `,"safety_settings":[{}]}`, "safetySettings"},
		"a cached content":              {`{` + hello + `,"cachedContent":"cachedContents/1"}`, "cachedContent"},
		"labels":                        {`{` + hello + `,"labels":{"team":"a"}}`, "labels"},
		"a service tier":                {`{` + hello + `,"serviceTier":"priority"}`, "serviceTier"},
		"storing":                       {`{` + hello + `,"store":true}`, "store"},
		"Google's search":               {`{` + hello + `,"tools":[{"functionDeclarations":[{"name":"a"}]},{"googleSearch":{}}]}`, "tools[1].googleSearch"},
		"running code":                  {`{` + hello + `,"tools":[{"codeExecution":{}}]}`, "tools[0].codeExecution"},
		"reading URLs":                  {`{` + hello + `,"tools":[{"url_context":{}}]}`, "tools[0].url_context"},
		"what a function answers":       {`{` + hello + `,"tools":[{"functionDeclarations":[{"name":"a","response":{"type":"STRING"}}]}]}`, "tools[0].functionDeclarations[0].response"},
		"configuration of retrieval":    {`{` + hello + `,"toolConfig":{"retrievalConfig":{"languageCode":"no"}}}`, "toolConfig.retrievalConfig"},
		"arguments in pieces":           {`{` + hello + `,"toolConfig":{"functionCallingConfig":{"streamFunctionCallArguments":true}}}`, "toolConfig.functionCallingConfig.streamFunctionCallArguments"},
		"some of the functions":         {`{` + hello + `,"tools":[{"functionDeclarations":[{"name":"a"},{"name":"b"},{"name":"c"}]}],"toolConfig":{"functionCallingConfig":{"mode":"ANY","allowedFunctionNames":["a","b"]}}}`, "toolConfig.functionCallingConfig.allowedFunctionNames"},
		"names where any may be called": {`{` + hello + `,"tools":[{"functionDeclarations":[{"name":"a"}]}],"toolConfig":{"functionCallingConfig":{"mode":"AUTO","allowedFunctionNames":["a"]}}}`, "toolConfig.functionCallingConfig.allowedFunctionNames"},
		"speech":                        {`{` + hello + `,"generationConfig":{"speechConfig":{}}}`, "generationConfig.speechConfig"},
		"images":                        {`{` + hello + `,"generationConfig":{"responseModalities":["TEXT","IMAGE"]}}`, "generationConfig.responseModalities"},
		"the detail of all media":       {`{` + hello + `,"generationConfig":{"mediaResolution":"MEDIA_RESOLUTION_LOW"}}`, "generationConfig.mediaResolution"},
		"an enumeration":                {`{` + hello + `,"generationConfig":{"responseMimeType":"text/x.enum","responseSchema":{"type":"STRING","enum":["a"]}}}`, "generationConfig.responseMimeType"},
		"an unknown field of thinking":  {`{` + hello + `,"generationConfig":{"thinkingConfig":{"mood":1}}}`, "generationConfig.thinkingConfig.mood"},
		"code that ran":                 {`{"contents":[{"role":"model","parts":[{"text":"x"},{"executableCode":{"code":"1"}}]}]}`, "contents[0].parts[1].executableCode"},
		"the frames of a video":         {`{"contents":[{"parts":[{"fileData":{"mimeType":"video/mp4","fileUri":"gs://a"},"videoMetadata":{"fps":1}}]}]}`, "contents[0].parts[0].videoMetadata"},
		"a middling detail":             {`{"contents":[{"parts":[{"inlineData":{"mimeType":"image/png","data":"AAAA"},"mediaResolution":{"level":"MEDIA_RESOLUTION_MEDIUM"}}]}]}`, "contents[0].parts[0].mediaResolution"},
		"the detail of a document":      {`{"contents":[{"parts":[{"inlineData":{"mimeType":"application/pdf","data":"AAAA"},"mediaResolution":{"level":"MEDIA_RESOLUTION_LOW"}}]}]}`, "contents[0].parts[0].mediaResolution"},
		"the number of a resolution":    {`{"contents":[{"parts":[{"text":"x","mediaResolution":{"numTokens":5}}]}]}`, "contents[0].parts[0].mediaResolution.numTokens"},
		"a field of a content":          {`{"contents":[{"parts":[{"text":"x"}],"mood":1}]}`, "contents[0].mood"},
		"a field of the instructions":   {`{` + hello + `,"systemInstruction":{"parts":[],"mood":1}}`, "systemInstruction.mood"},
		"a field of a blob":             {`{"contents":[{"parts":[{"inlineData":{"mimeType":"image/png","data":"AAAA","mood":1}}]}]}`, "contents[0].parts[0].inlineData.mood"},
		"a field of a file":             {`{"contents":[{"parts":[{"fileData":{"fileUri":"gs://a/b.png","mood":1}}]}]}`, "contents[0].parts[0].fileData.mood"},
		"a call that goes on":           {`{"contents":[{"role":"model","parts":[{"functionCall":{"name":"a","willContinue":true}}]}]}`, "contents[0].parts[0].functionCall.willContinue"},
		"a response that is scheduled":  {`{"contents":[{"role":"model","parts":[{"functionCall":{"name":"a"}}]},{"parts":[{"functionResponse":{"name":"a","response":{},"scheduling":"SILENT"}}]}]}`, "contents[1].parts[0].functionResponse.scheduling"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := Decoder{}.DecodeRequest([]byte(test.body))
			if err == nil {
				t.Fatal("accepted")
			}
			if err.Param != test.want || err.Reason != exchange.ReasonUntranslatable || err.Status != 400 || !strings.Contains(err.Message, test.want) {
				t.Errorf("%q (%s): %s, want %q", err.Param, err.Reason, err.Message, test.want)
			}
		})
	}
}

func TestWhatIsMalformedIsRefusedByItsPlace(t *testing.T) {
	deep := strings.Repeat(`{"items":`, maxSchemaDepth+2) + `{}` + strings.Repeat(`}`, maxSchemaDepth+2)
	for name, test := range map[string]struct{ body, want string }{
		"no JSON":                            {`{`, ""},
		"no contents":                        {`{}`, "contents"},
		"contents that say nothing":          {`{"contents":[{"parts":[{"text":""}]},{"parts":[]}]}`, "contents"},
		"a text that is a number":            {`{"contents":[{"parts":[{"text":"a"},{"text":3}]}]}`, "contents[0].parts[1].text"},
		"a lone part of a wrong type":        {`{"contents":{"parts":{"text":3}}}`, "contents.parts.text"},
		"contents that are text":             {`{"contents":"hello"}`, "contents"},
		"a name that stands twice":           {`{"contents":[{"parts":[{"text":"a","text":"b"}]}]}`, "contents[0].parts[0].text"},
		"a name in both cases":               {`{` + hello + `,"generationConfig":{"topP":1,"top_p":0.5}}`, "generationConfig.top_p"},
		"an unknown role":                    {`{"contents":[{"role":"system","parts":[{"text":"a"}]}]}`, "contents[0].role"},
		"a part of nothing":                  {`{"contents":[{"parts":[{}]}]}`, "contents[0].parts[0]"},
		"a part of two kinds":                {`{"contents":[{"parts":[{"text":"a","inlineData":{"mimeType":"a/b","data":"AAAA"}}]}]}`, "contents[0].parts[0]"},
		"instructions that are an image":     {`{` + hello + `,"systemInstruction":{"parts":[{"text":"a"},{"inlineData":{"mimeType":"image/png","data":"AAAA"}}]}}`, "systemInstruction.parts[1]"},
		"instructions of nothing":            {`{` + hello + `,"systemInstruction":{"parts":[{}]}}`, "systemInstruction.parts[0]"},
		"data without a MIME type":           {`{"contents":[{"parts":[{"inlineData":{"data":"AAAA"}}]}]}`, "contents[0].parts[0].inlineData.mimeType"},
		"data that is no base64":             {`{"contents":[{"parts":[{"inlineData":{"mimeType":"image/png","data":"a b"}}]}]}`, "contents[0].parts[0].inlineData.data"},
		"no data":                            {`{"contents":[{"parts":[{"inlineData":{"mimeType":"image/png"}}]}]}`, "contents[0].parts[0].inlineData.data"},
		"a file without a URI":               {`{"contents":[{"parts":[{"fileData":{"mimeType":"image/png"}}]}]}`, "contents[0].parts[0].fileData.fileUri"},
		"a file of no known kind":            {`{"contents":[{"parts":[{"fileData":{"fileUri":"https://example.com/x"}}]}]}`, "contents[0].parts[0].fileData.mimeType"},
		"a call by the user":                 {`{"contents":[{"parts":[{"functionCall":{"name":"a"}}]}]}`, "contents[0].parts[0].functionCall"},
		"a call without a name":              {`{"contents":[{"role":"model","parts":[{"functionCall":{"args":{}}}]}]}`, "contents[0].parts[0].functionCall.name"},
		"arguments that are a list":          {`{"contents":[{"role":"model","parts":[{"functionCall":{"name":"a","args":[]}}]}]}`, "contents[0].parts[0].functionCall.args"},
		"a response by the model":            {`{"contents":[{"role":"model","parts":[{"functionResponse":{"name":"a","response":{}}}]}]}`, "contents[0].parts[0].functionResponse"},
		"a response without a name":          {`{"contents":[{"parts":[{"functionResponse":{"response":{}}}]}]}`, "contents[0].parts[0].functionResponse.name"},
		"a response to no call":              {`{"contents":[{"parts":[{"functionResponse":{"name":"a","response":{}}}]}]}`, "contents[0].parts[0].functionResponse.name"},
		"a second response to a call":        {`{"contents":[{"role":"model","parts":[{"functionCall":{"name":"a"}}]},{"parts":[{"functionResponse":{"name":"a","response":{}}},{"functionResponse":{"name":"a","response":{}}}]}]}`, "contents[1].parts[1].functionResponse.name"},
		"a response that is text":            {`{"contents":[{"role":"model","parts":[{"functionCall":{"name":"a"}}]},{"parts":[{"functionResponse":{"name":"a","response":"x"}}]}]}`, "contents[1].parts[0].functionResponse.response"},
		"a response with a part of nothing":  {`{"contents":[{"role":"model","parts":[{"functionCall":{"name":"a"}}]},{"parts":[{"functionResponse":{"name":"a","response":{},"parts":[{}]}}]}]}`, "contents[1].parts[0].functionResponse.parts[0]"},
		"a response that is heard":           {`{"contents":[{"role":"model","parts":[{"functionCall":{"name":"a"}}]},{"parts":[{"functionResponse":{"name":"a","response":{},"parts":[{"inlineData":{"mimeType":"audio/mp3","data":"AAAA"}}]}}]}]}`, "contents[1].parts[0].functionResponse.parts[0]"},
		"a function without a name":          {`{` + hello + `,"tools":[{"functionDeclarations":[{"description":"a"}]}]}`, "tools[0].functionDeclarations[0].name"},
		"a schema in both ways":              {`{` + hello + `,"tools":[{"functionDeclarations":[{"name":"a","parameters":{},"parametersJsonSchema":{}}]}]}`, "tools[0].functionDeclarations[0].parametersJsonSchema"},
		"a schema that is a list":            {`{` + hello + `,"tools":[{"functionDeclarations":[{"name":"a","parameters":[]}]}]}`, "tools[0].functionDeclarations[0].parameters"},
		"a JSON Schema that is true":         {`{` + hello + `,"tools":[{"functionDeclarations":[{"name":"a","parametersJsonSchema":true}]}]}`, "tools[0].functionDeclarations[0].parametersJsonSchema"},
		"a schema nested too deeply":         {`{` + hello + `,"tools":[{"functionDeclarations":[{"name":"a","parameters":` + deep + `}]}]}`, "tools[0].functionDeclarations[0].parameters"},
		"an unknown mode":                    {`{` + hello + `,"toolConfig":{"functionCallingConfig":{"mode":"SOME"}}}`, "toolConfig.functionCallingConfig.mode"},
		"an unknown level":                   {`{` + hello + `,"generationConfig":{"thinkingConfig":{"thinkingLevel":"WILD"}}}`, "generationConfig.thinkingConfig.thinkingLevel"},
		"a negative budget":                  {`{` + hello + `,"generationConfig":{"thinkingConfig":{"thinkingBudget":-2}}}`, "generationConfig.thinkingConfig.thinkingBudget"},
		"two schemas of the answer":          {`{` + hello + `,"generationConfig":{"responseMimeType":"application/json","responseSchema":{},"responseJsonSchema":{}}}`, "generationConfig.responseJsonSchema"},
		"a schema of the answer and no MIME": {`{` + hello + `,"generationConfig":{"responseJsonSchema":{}}}`, "generationConfig.responseMimeType"},
		"an answer's schema that is text":    {`{` + hello + `,"generationConfig":{"responseMimeType":"application/json","responseSchema":"a"}}`, "generationConfig.responseSchema"},
		"half a token":                       {`{` + hello + `,"generationConfig":{"maxOutputTokens":1.5}}`, "generationConfig.maxOutputTokens"},
		"a number in words":                  {`{` + hello + `,"generationConfig":{"seed":"seven"}}`, "generationConfig.seed"},
		"a number without an end":            {`{` + hello + `,"generationConfig":{"topK":1e300}}`, "generationConfig.topK"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := Decoder{}.DecodeRequest([]byte(test.body))
			if err == nil {
				t.Fatal("accepted")
			}
			if err.Param != test.want || err.Status != 400 || err.Reason != exchange.ReasonInvalidBody {
				t.Errorf("%q (%s): %s, want %q", err.Param, err.Reason, err.Message, test.want)
			}
		})
	}
}

func TestTheNeutralRequest(t *testing.T) {
	body := `{
		"systemInstruction":{"role":"system","parts":[{"text":"Be brief."}]},
		"contents":[
			{"role":"user","parts":[{"text":"Look"},{"inlineData":{"mimeType":"image/png","data":"_-8","displayName":"a.png"},"mediaResolution":{"level":"MEDIA_RESOLUTION_LOW"}}]},
			{"role":"model","parts":[{"text":"hm","thought":true,"thoughtSignature":"QUJD"},{"functionCall":{"name":"look","args":{"a": 1}}}]},
			{"role":"user","parts":[{"functionResponse":{"name":"look","response":{"error":"dark"}}}]}],
		"tools":[{"functionDeclarations":[{"name":"look","description":"Looks.","parameters":{"type":"OBJECT"}}]}],
		"toolConfig":{"functionCallingConfig":{"mode":"ANY","allowedFunctionNames":["look"]}},
		"generationConfig":{"temperature":0,"maxOutputTokens":5,"topK":"3","thinkingConfig":{"thinkingLevel":"low","includeThoughts":true}}}`
	got, err := Decoder{}.DecodeRequest([]byte(body))
	if err != nil {
		t.Fatal(err.Message)
	}
	got.Names = nil
	zero, five, three, yes := 0.0, int64(5), int64(3), true
	want := &chat.Request{
		Messages: []chat.Message{
			{Role: chat.System, At: "systemInstruction", Parts: []chat.Part{{Text: "Be brief.", At: "systemInstruction.parts[0]"}}},
			{Role: chat.User, At: "contents[0]", Parts: []chat.Part{
				{Text: "Look", At: "contents[0].parts[0]"},
				{Kind: chat.Image, At: "contents[0].parts[1]", Media: &chat.Media{MIME: "image/png", Data: "/+8=", Name: "a.png", Detail: "low"}},
			}},
			{Role: chat.Assistant, At: "contents[1]", Parts: []chat.Part{
				{Kind: chat.Thinking, Text: "hm", Signature: "QUJD", At: "contents[1].parts[0]"},
				{Kind: chat.Call, At: "contents[1].parts[1]", Call: &chat.ToolCall{ID: "call_1_1", Name: "look", Arguments: `{"a": 1}`}},
			}},
			{Role: chat.User, At: "contents[2]", Parts: []chat.Part{
				{Kind: chat.Result, At: "contents[2].parts[0]", Result: &chat.ToolResult{
					CallID: "call_1_1", Name: "look", Failed: true,
					Parts: []chat.Part{{Text: "dark", At: "contents[2].parts[0].functionResponse.response"}},
				}},
			}},
		},
		Tools:       []chat.Tool{{Name: "look", Description: "Looks.", Schema: []byte(`{"type":"object"}`), At: "tools[0].functionDeclarations[0]"}},
		Choice:      chat.ToolChoice{Mode: chat.OneTool, Name: "look"},
		Reasoning:   chat.Reasoning{Effort: chat.EffortLow, Show: &yes},
		Temperature: &zero, MaxTokens: &five, TopK: &three,
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
}

func TestResponsesFindTheirCalls(t *testing.T) {
	call := func(id, name string) string { return `{"functionCall":{"id":"` + id + `","name":"` + name + `"}}` }
	answer := func(id, name string) string {
		return `{"functionResponse":{"id":"` + id + `","name":"` + name + `","response":{}}}`
	}
	for name, test := range map[string]struct {
		calls, answers []string
		want           []string
	}{
		"by ID":                           {[]string{call("1", "a"), call("2", "a")}, []string{answer("2", "a"), answer("1", "a")}, []string{"2", "1"}},
		"by name, in order":               {[]string{call("1", "a"), call("2", "b"), call("3", "a")}, []string{answer("", "a"), answer("", "a"), answer("", "b")}, []string{"1", "3", "2"}},
		"an ID that the application made": {[]string{call("", "a")}, []string{answer("own", "a")}, []string{"call_0_0"}},
		"an ID of no call":                {nil, []string{answer("own", "a")}, []string{"own"}},
		"by ID before by name":            {[]string{call("1", "a"), call("2", "a")}, []string{answer("1", "a"), answer("", "a")}, []string{"1", "2"}},
		"the same ID twice":               {[]string{call("1", "a"), call("1", "b")}, []string{answer("1", "a"), answer("1", "b")}, []string{"1", "1"}},
	} {
		t.Run(name, func(t *testing.T) {
			body := `{"contents":[{"role":"model","parts":[` + strings.Join(test.calls, ",") + `]},{"parts":[` + strings.Join(test.answers, ",") + `]}]}`
			r, err := Decoder{}.DecodeRequest([]byte(body))
			if err != nil {
				t.Fatal(err.Message)
			}
			var got []string
			for _, p := range r.Messages[len(r.Messages)-1].Parts {
				got = append(got, p.Result.CallID)
			}
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestLongConversationsCostNoMoreThanTheirLength(t *testing.T) {
	const n = 20000
	var b strings.Builder
	b.WriteString(`{"contents":[{"role":"model","parts":[{"functionCall":{"name":"a"}}`)
	b.WriteString(strings.Repeat(`,{"functionCall":{"name":"a"}}`, n-1))
	b.WriteString(strings.Repeat(`,{"text":"a","thought":true}`, n))
	b.WriteString(`]},{"parts":[{"functionResponse":{"name":"a"}}`)
	b.WriteString(strings.Repeat(`,{"functionResponse":{"name":"a"}}`, n-1))
	b.WriteString(`]}]}`)
	r, err := Decoder{}.DecodeRequest([]byte(b.String()))
	if err != nil {
		t.Fatal(err.Message)
	}
	model, user := r.Messages[0].Parts, r.Messages[1].Parts
	if len(model) != n+1 || len(model[n].Text) != n || len(user) != n {
		t.Errorf("%d parts of the model, %d bytes of thought, %d of the user", len(model), len(model[n].Text), len(user))
	}
	if got, want := user[n-1].Result.CallID, model[n-1].Call.ID; got != want {
		t.Errorf("the last response answers %q, want %q", got, want)
	}
}

func TestRefusalsUseTheApplicationsWords(t *testing.T) {
	for name, test := range map[string]struct {
		config string
		field  chat.Field
		want   string
	}{
		"a MIME type":             {`"responseMimeType":"application/json"`, chat.FieldFormat, "generationConfig.responseMimeType"},
		"a JSON Schema":           {`"responseMimeType":"application/json","responseJsonSchema":{}`, chat.FieldFormat, "generationConfig.responseJsonSchema"},
		"a Gemini Schema":         {`"responseMimeType":"application/json","responseSchema":{}`, chat.FieldFormat, "generationConfig.responseSchema"},
		"the number of tokens":    {`"maxOutputTokens":1`, chat.FieldMaxTokens, "generationConfig.maxOutputTokens"},
		"how much to think":       {`"thinkingConfig":{"thinkingBudget":1}`, chat.FieldReasoning, "generationConfig.thinkingConfig"},
		"how many candidates":     {`"candidateCount":2`, chat.FieldCandidates, "generationConfig.candidateCount"},
		"the logs of likelihoods": {`"responseLogprobs":true`, chat.FieldLogProbs, "generationConfig.responseLogprobs"},
	} {
		t.Run(name, func(t *testing.T) {
			r, err := Decoder{}.DecodeRequest([]byte(`{` + hello + `,"generationConfig":{` + test.config + `}}`))
			if err != nil {
				t.Fatal(err.Message)
			}
			if got := r.Refuse(test.field, "Cohere").Param; got != test.want {
				t.Errorf("%q, want %q", got, test.want)
			}
		})
	}
}
