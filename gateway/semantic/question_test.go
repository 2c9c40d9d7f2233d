// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package semantic

import (
	"bytes"
	"strings"
	"testing"

	"github.com/sparkgateway/spark/gateway/exchange"
)

// plain is a question in each dialect, as short as it can be. Every one asks "Why?".
var plain = map[exchange.Dialect]string{
	exchange.OpenAI:    `{"messages":[{"role":"user","content":"Why?"}]}`,
	exchange.Responses: `{"input":"Why?","store":false}`,
	exchange.Anthropic: `{"messages":[{"role":"user","content":"Why?"}]}`,
	exchange.Gemini:    `{"contents":[{"parts":[{"text":"Why?"}]}]}`,
}

func TestQuestionsThatAreOne(t *testing.T) {
	for name, test := range map[string]struct {
		dialect exchange.Dialect
		body    string
		want    string
	}{
		"chat":      {exchange.OpenAI, plain[exchange.OpenAI], "Why?"},
		"responses": {exchange.Responses, plain[exchange.Responses], "Why?"},
		"anthropic": {exchange.Anthropic, plain[exchange.Anthropic], "Why?"},
		"gemini":    {exchange.Gemini, plain[exchange.Gemini], "Why?"},
		"chat, with all that is harmless": {exchange.OpenAI, `{"model":"m","temperature":0,"n":1,"stream":true,"stream_options":{"include_usage":true},
			"response_format":{"type":"json_schema","json_schema":{"schema":{"type":"object"}}},"modalities":["text"],"store":false,
			"messages":[{"role":"developer","content":"Be brief."},{"role":"system","content":[{"type":"text","text":"And kind."}]},
			{"role":"user","name":"bob","content":[{"type":"text","text":"Why?"}]}]}`, "Why?"},
		"chat, with nulls for what is not set": {exchange.OpenAI,
			`{"tools":null,"n":null,"functions":null,"messages":[{"role":"user","content":"Why?"}]}`, "Why?"},
		"responses, as messages": {exchange.Responses, `{"store":false,"instructions":"Be brief.","include":[],"background":false,"input":[
			{"role":"system","content":"Be kind."},
			{"type":"message","role":"user","content":[{"type":"input_text","text":"Why?"}]}]}`, "Why?"},
		"anthropic, with blocks": {exchange.Anthropic, `{"model":"m","max_tokens":9,"system":[{"type":"text","text":"S","cache_control":{"type":"ephemeral"}}],
			"messages":[{"role":"user","content":[{"type":"text","text":"Why?","cache_control":{"type":"ephemeral"}}]}]}`, "Why?"},
		"gemini, with all that is harmless": {exchange.Gemini, `{"systemInstruction":{"role":"system","parts":[{"text":"A"},{"text":"B"}]},
			"generationConfig":{"candidateCount":1,"temperature":0.5,"responseModalities":["TEXT"]},"safetySettings":[],
			"contents":[{"role":"user","parts":[{"text":"Why?"}]}]}`, "Why?"},
		"gemini's other spelling": {exchange.Gemini,
			`{"system_instruction":{"parts":[{"text":"A"}]},"generation_config":{"candidate_count":1},"contents":[{"parts":[{"text":"Why?"}]}]}`, "Why?"},
		"escapes are undone": {exchange.OpenAI, `{"messages":[{"role":"user","content":"\u0057hy\n\"so\"\ud83d\ude00?"}]}`, "Why\n\"so\"😀?"},
		"names in escapes are the same names": {exchange.OpenAI,
			`{"m\u0065ssages":[{"rol\u0065":"\u0075ser","content":"Why?"}]}`, "Why?"},
		"brackets and quotes within strings": {exchange.OpenAI,
			`{"user":"a\"]}{[","messages":[{"role":"user","content":"{\"role\":\"user\"}]\\"}],"stop":["]","}","\\\""]}`, `{"role":"user"}]\`},
		"the longest there may be": {exchange.OpenAI, chat(strings.Repeat("x", MaxQuestion)), strings.Repeat("x", MaxQuestion)},
	} {
		t.Run(name, func(t *testing.T) {
			before := test.body
			text, _, ok := Question(test.dialect, []byte(test.body))
			if !ok || string(text) != test.want {
				t.Errorf("got %q %v, want %q", text, ok, test.want)
			}
			if before != test.body {
				t.Error("the body changed")
			}
		})
	}
}

func chat(text string) string { return `{"messages":[{"role":"user","content":"` + text + `"}]}` }

// Each case has the dialect's plain question but for what makes it another request.
func TestRequestsThatAreNotOneQuestion(t *testing.T) {
	image := `{"type":"image_url","image_url":{"url":"data:image/png;base64,AA=="}}`
	for name, test := range map[string]struct {
		dialect exchange.Dialect
		body    string
	}{
		"chat: an answer before": {exchange.OpenAI,
			`{"messages":[{"role":"user","content":"Who?"},{"role":"assistant","content":"Me."},{"role":"user","content":"Why?"}]}`},
		"chat: an answer to go on from":     {exchange.OpenAI, `{"messages":[{"role":"user","content":"Why?"},{"role":"assistant","content":"Be"}]}`},
		"chat: two user messages":           {exchange.OpenAI, `{"messages":[{"role":"user","content":"So"},{"role":"user","content":"Why?"}]}`},
		"chat: nobody asks":                 {exchange.OpenAI, `{"messages":[{"role":"system","content":"Why?"}]}`},
		"chat: no message":                  {exchange.OpenAI, `{"messages":[]}`},
		"chat: no messages":                 {exchange.OpenAI, `{"model":"m"}`},
		"chat: null messages":               {exchange.OpenAI, `{"messages":null}`},
		"chat: a tool's result":             {exchange.OpenAI, `{"messages":[{"role":"user","content":"Why?"},{"role":"tool","content":"x"}]}`},
		"chat: a message of no role":        {exchange.OpenAI, `{"messages":[{"content":"Why?"}]}`},
		"chat: a role in capitals":          {exchange.OpenAI, `{"messages":[{"role":"User","content":"Why?"}]}`},
		"chat: a message that is a string":  {exchange.OpenAI, `{"messages":["Why?"]}`},
		"chat: tools":                       {exchange.OpenAI, plainWith(exchange.OpenAI, `"tools":[]`)},
		"chat: tool choice":                 {exchange.OpenAI, plainWith(exchange.OpenAI, `"tool_choice":"none"`)},
		"chat: functions":                   {exchange.OpenAI, plainWith(exchange.OpenAI, `"functions":[]`)},
		"chat: parallel tool calls":         {exchange.OpenAI, plainWith(exchange.OpenAI, `"parallel_tool_calls":false`)},
		"chat: web search":                  {exchange.OpenAI, plainWith(exchange.OpenAI, `"web_search_options":{}`)},
		"chat: several answers":             {exchange.OpenAI, plainWith(exchange.OpenAI, `"n":2`)},
		"chat: several answers, in a guise": {exchange.OpenAI, plainWith(exchange.OpenAI, `"n":1e1`)},
		"chat: stored":                      {exchange.OpenAI, plainWith(exchange.OpenAI, `"store":true`)},
		"chat: audio":                       {exchange.OpenAI, plainWith(exchange.OpenAI, `"modalities":["text","audio"]`)},
		"chat: audio's voice":               {exchange.OpenAI, plainWith(exchange.OpenAI, `"audio":{"voice":"x"}`)},
		"chat: a prediction":                {exchange.OpenAI, plainWith(exchange.OpenAI, `"prediction":{"type":"content"}`)},
		"chat: a member nobody knows":       {exchange.OpenAI, plainWith(exchange.OpenAI, `"plugins":["x"]`)},
		"chat: an image":                    {exchange.OpenAI, `{"messages":[{"role":"user","content":[{"type":"text","text":"Why?"},` + image + `]}]}`},
		"chat: only an image":               {exchange.OpenAI, `{"messages":[{"role":"user","content":[` + image + `]}]}`},
		"chat: an image in the prompt": {exchange.OpenAI,
			`{"messages":[{"role":"system","content":[` + image + `]},{"role":"user","content":"Why?"}]}`},
		"chat: two parts":                 {exchange.OpenAI, `{"messages":[{"role":"user","content":[{"type":"text","text":"So"},{"type":"text","text":"Why?"}]}]}`},
		"chat: no part":                   {exchange.OpenAI, `{"messages":[{"role":"user","content":[]}]}`},
		"chat: a part of no type":         {exchange.OpenAI, `{"messages":[{"role":"user","content":[{"text":"Why?"}]}]}`},
		"chat: a part without text":       {exchange.OpenAI, `{"messages":[{"role":"user","content":[{"type":"text"}]}]}`},
		"chat: a text that is a number":   {exchange.OpenAI, `{"messages":[{"role":"user","content":[{"type":"text","text":1}]}]}`},
		"chat: another dialect's part":    {exchange.OpenAI, `{"messages":[{"role":"user","content":[{"type":"input_text","text":"Why?"}]}]}`},
		"chat: content that is an object": {exchange.OpenAI, `{"messages":[{"role":"user","content":{"type":"text","text":"Why?"}}]}`},
		"chat: null content":              {exchange.OpenAI, `{"messages":[{"role":"user","content":null}]}`},
		"chat: tool calls in a message":   {exchange.OpenAI, `{"messages":[{"role":"user","content":"Why?","tool_calls":[]}]}`},
		"chat: blank":                     {exchange.OpenAI, chat(` \n\t`)},
		"chat: empty":                     {exchange.OpenAI, chat(``)},
		"chat: too long a text":           {exchange.OpenAI, chat(strings.Repeat("x", MaxQuestion+1))},
		"chat: too large a body":          {exchange.OpenAI, plainWith(exchange.OpenAI, `"user":"`+strings.Repeat("x", MaxBody)+`"`)},
		"chat: too deep":                  {exchange.OpenAI, plainWith(exchange.OpenAI, `"metadata":`+strings.Repeat("[", 100)+strings.Repeat("]", 100))},
		"chat: deep and never closed":     {exchange.OpenAI, strings.Repeat(`{"metadata":`, 10000)},
		"chat: twice the same member":     {exchange.OpenAI, `{"messages":[{"role":"user","content":"A"}],"messages":[{"role":"user","content":"Why?"}]}`},
		"chat: twice, in a guise":         {exchange.OpenAI, `{"messages":[{"role":"user","content":"A","cont\u0065nt":"Why?"}]}`},
		"chat: broken UTF-8":              {exchange.OpenAI, chat("\xff")},
		"chat: half a surrogate pair":     {exchange.OpenAI, chat(`\ud83d`)},
		"chat: cut off":                   {exchange.OpenAI, `{"messages":[{"role":"user","content":"Why?"}]`},
		"chat: something behind it":       {exchange.OpenAI, plain[exchange.OpenAI] + `{}`},
		"chat: nothing":                   {exchange.OpenAI, ``},
		"chat: an array":                  {exchange.OpenAI, `[]`},
		"chat: a string":                  {exchange.OpenAI, `"Why?"`},

		"responses: stored by default":  {exchange.Responses, `{"input":"Why?"}`},
		"responses: stored":             {exchange.Responses, `{"input":"Why?","store":true}`},
		"responses: stored, in a guise": {exchange.Responses, `{"input":"Why?","store":null}`},
		"responses: after another":      {exchange.Responses, plainWith(exchange.Responses, `"previous_response_id":"resp_1"`)},
		"responses: in a conversation":  {exchange.Responses, plainWith(exchange.Responses, `"conversation":"conv_1"`)},
		"responses: by a stored prompt": {exchange.Responses, plainWith(exchange.Responses, `"prompt":{"id":"p"}`)},
		"responses: in the background":  {exchange.Responses, plainWith(exchange.Responses, `"background":true`)},
		"responses: tools":              {exchange.Responses, plainWith(exchange.Responses, `"tools":[{"type":"web_search"}]`)},
		"responses: more in the answer": {exchange.Responses, plainWith(exchange.Responses, `"include":["reasoning.encrypted_content"]`)},
		"responses: an item of another kind": {exchange.Responses,
			`{"store":false,"input":[{"role":"user","content":"Why?"},{"type":"function_call_output","call_id":"c","output":"x"}]}`},
		"responses: a reference to an item": {exchange.Responses,
			`{"store":false,"input":[{"type":"item_reference","id":"msg_1"},{"role":"user","content":"Why?"}]}`},
		"responses: a message with an id": {exchange.Responses,
			`{"store":false,"input":[{"role":"user","id":"msg_1","content":"Why?"}]}`},
		"responses: a file": {exchange.Responses,
			`{"store":false,"input":[{"role":"user","content":[{"type":"input_file","file_id":"f"}]}]}`},

		"anthropic: an answer to go on from": {exchange.Anthropic,
			`{"messages":[{"role":"user","content":"Why?"},{"role":"assistant","content":"{"}]}`},
		"anthropic: a system message":          {exchange.Anthropic, `{"messages":[{"role":"system","content":"S"},{"role":"user","content":"Why?"}]}`},
		"anthropic: tools":                     {exchange.Anthropic, plainWith(exchange.Anthropic, `"tools":[]`)},
		"anthropic: MCP servers":               {exchange.Anthropic, plainWith(exchange.Anthropic, `"mcp_servers":[]`)},
		"anthropic: a container":               {exchange.Anthropic, plainWith(exchange.Anthropic, `"container":"c"`)},
		"anthropic: a document":                {exchange.Anthropic, `{"messages":[{"role":"user","content":[{"type":"document","source":{}}]}]}`},
		"anthropic: citations of a text":       {exchange.Anthropic, `{"messages":[{"role":"user","content":[{"type":"text","text":"Why?","citations":[]}]}]}`},
		"anthropic: a system that is a number": {exchange.Anthropic, plainWith(exchange.Anthropic, `"system":1`)},

		"gemini: an answer before": {exchange.Gemini,
			`{"contents":[{"role":"model","parts":[{"text":"Hi"}]},{"role":"user","parts":[{"text":"Why?"}]}]}`},
		"gemini: two contents":    {exchange.Gemini, `{"contents":[{"parts":[{"text":"So"}]},{"parts":[{"text":"Why?"}]}]}`},
		"gemini: an empty one":    {exchange.Gemini, `{"contents":[{},{"parts":[{"text":"Why?"}]}]}`},
		"gemini: two parts":       {exchange.Gemini, `{"contents":[{"parts":[{"text":"So"},{"text":"Why?"}]}]}`},
		"gemini: an image":        {exchange.Gemini, `{"contents":[{"parts":[{"inlineData":{"mimeType":"image/png","data":"AA=="}}]}]}`},
		"gemini: a thought":       {exchange.Gemini, `{"contents":[{"parts":[{"text":"Why?","thought":true}]}]}`},
		"gemini: parts of a text": {exchange.Gemini, `{"contents":[{"parts":"Why?"}]}`},
		"gemini: several answers": {exchange.Gemini, plainWith(exchange.Gemini, `"generationConfig":{"candidateCount":2}`)},
		"gemini: spoken":          {exchange.Gemini, plainWith(exchange.Gemini, `"generationConfig":{"responseModalities":["AUDIO"]}`)},
		"gemini: a voice":         {exchange.Gemini, plainWith(exchange.Gemini, `"generationConfig":{"speechConfig":{}}`)},
		"gemini: cached content":  {exchange.Gemini, plainWith(exchange.Gemini, `"cachedContent":"cachedContents/1"`)},
		"gemini: tools":           {exchange.Gemini, plainWith(exchange.Gemini, `"tools":[{"google_search":{}}]`)},
		"gemini: an image in the instruction": {exchange.Gemini,
			plainWith(exchange.Gemini, `"systemInstruction":{"parts":[{"fileData":{"fileUri":"gs://x"}}]}`)},

		"a dialect whose questions nobody knows": {exchange.Bedrock, plain[exchange.OpenAI]},
		"another one":                            {exchange.Cohere, plain[exchange.OpenAI]},
		"the gateway's own":                      {exchange.Spark, plain[exchange.OpenAI]},
		"no dialect":                             {exchange.Dialects, plain[exchange.OpenAI]},
	} {
		t.Run(name, func(t *testing.T) {
			if text, rest, ok := Question(test.dialect, []byte(test.body)); ok || text != nil || rest != [32]byte{} {
				t.Errorf("it is one: %q", text)
			}
		})
	}
}

// plainWith gives the plain question with one more member.
func plainWith(d exchange.Dialect, member string) string {
	return strings.TrimSuffix(plain[d], "}") + "," + member + "}"
}

// mustRest gives the digest of what is a question.
func mustRest(t testing.TB, d exchange.Dialect, body string) [32]byte {
	t.Helper()
	_, rest, ok := Question(d, []byte(body))
	if !ok {
		t.Fatalf("not a question: %s", body)
	}
	return rest
}

func TestOnlyTheTextIsLeftOutOfTheRest(t *testing.T) {
	const base = `{"model":"m","user":"u","temperature":0.5,"messages":[{"role":"system","content":"S"},{"role":"user","content":"Why is it?"}]}`
	for name, test := range map[string]struct {
		old, new string
		want     bool // the same rest
	}{
		"another text":                       {"Why is it?", "How come?", true},
		"a text of other bytes":              {"Why is it?", `W\u0068\u0079?`, true},
		"another order and white space":      {`"model":"m","user":"u",`, "\n \"user\" :\t\"u\" ,\"model\":\"m\",", true},
		"another order within a message":     {`"role":"system","content":"S"`, `"content":"S","role":"system"`, true},
		"a string in escapes":                {`"u"`, `"\u0075"`, true},
		"another model":                      {`"m"`, `"n"`, false},
		"another user":                       {`"u"`, `"v"`, false},
		"another temperature":                {`0.5`, `0.6`, false},
		"another system prompt":              {`"S"`, `"T"`, false},
		"another role of the prompt":         {`system`, `developer`, false},
		"no system prompt":                   {`{"role":"system","content":"S"},`, ``, false},
		"a stream":                           {`"user"`, `"stream":true,"user"`, false},
		"a null more":                        {`"user"`, `"stream":null,"user"`, false},
		"the text as a part":                 {`"Why is it?"`, `[{"type":"text","text":"Why is it?"}]`, false},
		"the messages in another order":      {`{"role":"system","content":"S"},{"role":"user","content":"Why is it?"}`, `{"role":"user","content":"Why is it?"},{"role":"system","content":"S"}`, false},
		"a number in the text":               {"Why is it?", "Why is it 4?", false},
		"a system prompt that says the text": {`"S"`, `"Why is it?"`, false},
		"a seed beyond float64":              {`"user"`, `"seed":9007199254740993,"user"`, false},
	} {
		t.Run(name, func(t *testing.T) {
			changed := strings.Replace(base, test.old, test.new, 1)
			if changed == base {
				t.Fatal("nothing changed")
			}
			if got := mustRest(t, exchange.OpenAI, base) == mustRest(t, exchange.OpenAI, changed); got != test.want {
				t.Errorf("the rest is the same: %v, want %v", got, test.want)
			}
		})
	}
	if mustRest(t, exchange.OpenAI, plain[exchange.OpenAI]) == mustRest(t, exchange.Anthropic, plain[exchange.Anthropic]) {
		t.Error("the rest is the same in two dialects")
	}
	seed := `"seed":9007199254740993,"user"`
	a, b := strings.Replace(base, `"user"`, seed, 1), strings.Replace(base, `"user"`, strings.Replace(seed, "993", "992", 1), 1)
	if mustRest(t, exchange.OpenAI, a) == mustRest(t, exchange.OpenAI, b) {
		t.Error("two seeds beyond what float64 tells apart are the same")
	}
}

func TestNumbersTellQuestionsApart(t *testing.T) {
	for name, test := range map[string]struct {
		a, b string
		want bool // the same rest
	}{
		"years":                          {"Who won in 2024?", "Who won in 2025?", false},
		"the same year, in other words":  {"Who won in 2024?", "In 2024, who was the winner?", true},
		"one number for two":             {"Add 12", "Add 1 2", false},
		"the other way round":            {"From 3 to 5", "From 5 to 3", false},
		"a number more":                  {"Which day?", "Which day of the 2?", false},
		"within words":                   {"Is gpt4 good?", "Is gpt5 good?", false},
		"Arabic digits":                  {"كم هو ٣", "كم هو ٤", false},
		"a power":                        {"What is x²?", "What is x³?", false},
		"no number":                      {"Why?", "How come?", true},
		"a mark between":                 {"Is 1.5 much?", "Is 1,5 a lot?", true},
		"the same ones in other scripts": {"Is ３ much?", "Is 3 much?", false},
	} {
		t.Run(name, func(t *testing.T) {
			got := mustRest(t, exchange.OpenAI, chat(test.a)) == mustRest(t, exchange.OpenAI, chat(test.b))
			if got != test.want {
				t.Errorf("the rest is the same: %v, want %v", got, test.want)
			}
		})
	}
}

func TestQuestionDoesNotChangeTheBody(t *testing.T) {
	body := []byte(` { "messages" : [ { "role":"user", "content":"\u0057hy?" } ] , "model":"m" } `)
	want := bytes.Clone(body)
	text, _, ok := Question(exchange.OpenAI, body)
	if !ok || !bytes.Equal(body, want) {
		t.Fatalf("%v: the body is %s", ok, body)
	}
	clear(body)
	if string(text) != "Why?" {
		t.Error("the text is a part of the body")
	}
}
