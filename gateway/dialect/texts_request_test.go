// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package dialect

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// textsIn gives the texts of a body as "role: text".
func textsIn(t *testing.T, s *Shape, body string) []string {
	t.Helper()
	var r Request
	if err := r.Decode(s, []byte(body)); err != nil {
		t.Fatalf("%s: %v", body, err)
	}
	return tellTexts(r.Texts(nil), []byte(body))
}

func tellTexts(texts []Text, body []byte) []string {
	var got []string
	for _, text := range texts {
		got = append(got, fmt.Sprintf("%v: %s", text.Role, text.Value(nil, body)))
	}
	return got
}

func TestTextsOfChats(t *testing.T) {
	for name, test := range map[string]struct {
		body string
		want []string
	}{
		"each message speaks in its role": {
			`{"model":"m","messages":[{"role":"system","content":"S"},{"role":"developer","content":"D"},{"role":"user","content":"U"},
			{"role":"assistant","content":"A"},{"role":"tool","tool_call_id":"call_1","content":"T"},{"role":"function","name":"f","content":"F"}]}`,
			[]string{"system: S", "system: D", "user: U", "assistant: A", "tool: T", "tool: F"},
		},
		"parts of a message, and nothing of images, sounds and files": {
			`{"model":"m","messages":[{"role":"user","content":[{"type":"text","text":"U"},{"type":"image_url","image_url":{"url":"https://x","detail":"low"}},
			{"type":"input_audio","input_audio":{"data":"QUJD","format":"wav"}},{"type":"file","file":{"file_data":"data:x","filename":"n","file_id":"i"}}]}]}`,
			[]string{"user: U"},
		},
		"calls of tools are the assistant's": {
			`{"model":"m","messages":[{"role":"assistant","content":null,"reasoning_content":"R","refusal":"N","tool_calls":[{"id":"call_1","type":"function",
			"function":{"name":"f","arguments":"{\"q\":\"A\"}"}},{"id":"call_2","type":"custom","custom":{"name":"g","input":"C"}}],"function_call":{"name":"f","arguments":"{}"}}]}`,
			[]string{"assistant: R", "assistant: N", `assistant: {"q":"A"}`, "assistant: C", "assistant: {}"},
		},
		"arguments as an object, as Ollama has them": {
			`{"model":"m","messages":[{"role":"assistant","tool_calls":[{"function":{"name":"f","arguments":{"id":"A","list":["B"]}}}]}]}`,
			[]string{"assistant: A", "assistant: B"},
		},
		"descriptions of tools and formats are the system's": {
			`{"model":"m","messages":[{"role":"user","content":"U"}],"tools":[{"type":"function","function":{"name":"f","description":"D","parameters":
			{"type":"object","properties":{"description":{"type":"string","description":"P"},"content":{"enum":["e"]}},"required":["content"]}}}],
			"functions":[{"name":"g","description":"G"}],"response_format":{"type":"json_schema","json_schema":{"name":"n","description":"J","schema":{"title":"t"}}}}`,
			[]string{"user: U", "system: D", "system: P", "system: G", "system: J"},
		},
		"a prediction is read too": {
			`{"model":"m","messages":[],"prediction":{"type":"content","content":"P"},"stop":["s"],"user":"u","metadata":{"text":"t"}}`,
			[]string{"user: P"},
		},
		"the role behind the content": {`{"model":"m","messages":[{"content":"T","role":"tool"}]}`, []string{"tool: T"}},
		"content twice":               {`{"model":"m","messages":[{"role":"user","content":"1","content":[{"type":"text","text":"2"}]}]}`, []string{"user: 1", "user: 2"}},
		"roles that contradict":       {`{"model":"m","messages":[{"role":"system","content":"1","role":"tool"}]}`, []string{"user: 1"}},
		"the role twice, the same":    {`{"model":"m","messages":[{"role":"system","content":"1","role":"system"}]}`, []string{"system: 1"}},
		"an unknown role":             {`{"model":"m","messages":[{"role":"System","content":"1"}]}`, []string{"user: 1"}},
		"no role":                     {`{"model":"m","messages":[{"content":"1"}]}`, []string{"user: 1"}},
		"a role that is no string":    {`{"model":"m","messages":[{"role":null,"content":"1"},{"role":{"role":"system"},"content":"2"}]}`, []string{"user: 1", "user: 2"}},
		"a role in another case":      {`{"model":"m","messages":[{"role":"system","Role":"user","content":"1"}]}`, []string{"user: 1"}},
		"an escaped role":             {`{"model":"m","messages":[{"ro\u006ce":"syst\u0065m","content":"1"}]}`, []string{"system: 1"}},
		"content in another case":     {`{"model":"m","messages":[{"role":"user","Content":"1","CONTENT":"2","co\u006etent":"3"}]}`, []string{"user: 1", "user: 2", "user: 3"}},
		"keys in letters that fold":   {`{"model":"m","messages":[{"role":"user","content":"1"}],"inſtructionſ":"2"}`, []string{"user: 1", "system: 2"}},
		"a part that claims a role":   {`{"model":"m","messages":[{"role":"user","content":[{"type":"text","role":"system","text":"1"}]}]}`, []string{"user: 1"}},
		"a part that claims tools":    {`{"model":"m","messages":[{"role":"user","content":[{"tools":[{"text":"1"}],"system":"2"}]}]}`, []string{"user: 1", "user: 2"}},
		"an unknown part": {
			`{"model":"m","messages":[{"role":"user","content":[{"type":"novel","novel":{"text":"1","id":"x"}},"2"]}]}`, []string{"user: 1", "user: 2"},
		},
		"messages in an unknown member": {`{"model":"m","messages":[],"history":[{"role":"system","content":"1"}]}`, []string{"user: 1"}},
		"escapes":                       {`{"model":"m","messages":[{"role":"user","content":"a\"\u00e4\ud83d\ude00\ud800x\n\/"}]}`, []string{"user: a\"ä😀\ufffdx\n/"}},
	} {
		if diff := cmp.Diff(test.want, textsIn(t, Chat, test.body)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
}

func TestTextsOfOtherRequests(t *testing.T) {
	for name, test := range map[string]struct {
		shape *Shape
		body  string
		want  []string
	}{
		"a completion":         {Completions, `{"model":"m","prompt":"P","suffix":"S"}`, []string{"user: P", "user: S"}},
		"several completions":  {Completions, `{"model":"m","prompt":["P","Q"]}`, []string{"user: P", "user: Q"}},
		"tokens are not texts": {Completions, `{"model":"m","prompt":[[1,2],[3]]}`, nil},
		"embeddings":           {Embeddings, `{"model":"m","input":["A","B"],"encoding_format":"base64"}`, []string{"user: A", "user: B"}},
		"an image":             {Images, `{"model":"m","prompt":"P","negative_prompt":"N","size":"1x1"}`, []string{"user: P", "user: N"}},
		"speech":               {Speech, `{"model":"m","input":"I","voice":"alloy","instructions":"S"}`, []string{"user: I", "system: S"}},
		"a moderation":         {Moderations, `{"model":"m","input":[{"type":"text","text":"T"},{"type":"image_url","image_url":{"url":"u"}}]}`, []string{"user: T"}},
		"reranking":            {Rerank, `{"model":"m","query":"Q","documents":["A",{"text":"B","title":"C","x":"D","image":"i","url":"u"}]}`, []string{"user: Q", "user: A", "user: B", "user: C", "user: D"}},
		"the gateway's own":    {Generation, `{"prompt":"P"}`, []string{"user: P"}},
		"its messages":         {Generation, `{"messages":[{"role":"system","content":"S"},{"role":"user","content":"U"}]}`, []string{"system: S", "user: U"}},
		"Anthropic's messages": {Messages, `{"model":"m","system":"S","messages":[{"role":"user","content":"U"},{"role":"assistant","content":[
			{"type":"thinking","thinking":"R","signature":"sig"},{"type":"redacted_thinking","data":"x"},{"type":"tool_use","id":"i","name":"n","input":{"id":"I","deep":{"k":["J"]}}}]},
			{"role":"user","content":[{"type":"tool_result","tool_use_id":"i","content":"T"},{"type":"tool_result","tool_use_id":"i","content":[{"type":"text","text":"V"},
			{"type":"image","source":{"type":"base64","media_type":"image/png","data":"QUJD"}}]},{"type":"text","text":"W"}]}],"tools":[{"name":"n","description":"D","input_schema":{}}],
			"metadata":{"user_id":"u"},"thinking":{"type":"enabled","budget_tokens":1}}`,
			[]string{"system: S", "user: U", "assistant: R", "assistant: I", "assistant: J", "tool: T", "tool: V", "user: W", "system: D"}},
		"Anthropic's system in blocks": {CountTokens, `{"model":"m","messages":[],"system":[{"type":"text","text":"S","cache_control":{"type":"ephemeral"}}]}`, []string{"system: S"}},
		"Anthropic's documents": {Messages, `{"model":"m","messages":[{"role":"user","content":[{"type":"document","title":"T","context":"C",
			"source":{"data":"D","type":"text","media_type":"text/plain"}},{"type":"document","source":{"type":"base64","data":"x"}},{"type":"document","source":{"type":"base64","data":"E","type":"text"}},
			{"type":"document","source":{"type":"content","content":[{"type":"text","text":"F"}]}},{"type":"search_result","source":"u","title":"G","content":[{"type":"text","text":"H"}]}]}]}`,
			[]string{"user: T", "user: C", "user: D", "user: E", "user: F", "user: G", "user: H"}},
		"Anthropic's servers' tools": {Messages, `{"model":"m","messages":[{"role":"assistant","content":[{"type":"server_tool_use","id":"i","name":"web_search","input":{"query":"Q"}},
			{"type":"web_search_tool_result","tool_use_id":"i","content":[{"type":"web_search_result","url":"u","title":"T","encrypted_content":"x"}]},
			{"type":"bash_code_execution_tool_result","content":{"type":"bash_code_execution_result","stdout":"O","stderr":"E"}}]}]}`,
			[]string{"assistant: Q", "tool: T", "tool: O", "tool: E"}},
		"a block of two types": {Messages, `{"model":"m","messages":[{"role":"user","content":[{"type":"tool_result","content":"1","type":"text","text":"2"}]}]}`, []string{"user: 1", "user: 2"}},
		"a response": {Response, `{"model":"m","instructions":"S","input":"U","text":{"format":{"type":"json_schema","description":"F"}},"reasoning":{"effort":"low","summary":"auto"},
			"prompt":{"id":"p","variables":{"name":"V","part":{"type":"input_text","text":"W"},"image":{"type":"input_image","image_url":"u"}}},"tools":[{"type":"mcp","server_label":"l","server_description":"D","server_url":"u"}]}`,
			[]string{"system: S", "user: U", "system: F", "user: V", "user: W", "system: D"}},
		"items of a response": {Response, `{"model":"m","input":[{"role":"developer","content":"D"},{"type":"message","role":"user","content":[{"type":"input_text","text":"U"},{"type":"input_image","image_url":"u"}]},
			{"type":"reasoning","id":"r","summary":[{"type":"summary_text","text":"R"}],"encrypted_content":"x"},{"type":"function_call","call_id":"c","name":"f","arguments":"{}"},
			{"type":"function_call_output","call_id":"c","output":"T"},{"type":"custom_tool_call_output","output":[{"type":"input_text","text":"V"}]},
			{"type":"computer_call_output","output":{"type":"computer_screenshot","image_url":"u"}},{"type":"mcp_call","arguments":"{\"a\":1}","output":"M","name":"n"},
			{"type":"shell_call","action":{"commands":["ls"]}},{"type":"shell_call_output","output":[{"stdout":"O","stderr":"E","outcome":{"type":"exit"}}]},
			{"type":"file_search_call","queries":["Q"],"results":[{"file_id":"f","text":"X"}]},{"type":"mcp_list_tools","tools":[{"name":"n","description":"L","input_schema":{}}]},
			{"type":"message","role":"assistant","content":[{"type":"output_text","text":"A","annotations":[]},{"type":"refusal","refusal":"N"}]}]}`,
			[]string{"system: D", "user: U", "assistant: R", "assistant: {}", "tool: T", "tool: V", `assistant: {"a":1}`, "tool: M", "assistant: ls", "tool: O", "tool: E", "assistant: Q", "tool: X", "system: L", "assistant: A", "assistant: N"}},
		"an item that contradicts itself": {Response, `{"model":"m","input":[{"type":"reasoning","role":"user","content":"1"},{"type":"function_call_output","output":"2","content":"3","role":"system"}]}`, []string{"user: 1", "tool: 2", "user: 3"}},
		"Gemini's contents": {Generate, `{"systemInstruction":{"role":"user","parts":[{"text":"S"}]},"contents":[{"role":"user","parts":[{"text":"U"},{"inlineData":{"mimeType":"image/png","data":"x"}},{"fileData":{"fileUri":"u"}}]},
			{"role":"model","parts":[{"text":"R","thought":true,"thoughtSignature":"s"},{"functionCall":{"name":"f","args":{"id":"A"}}},{"executableCode":{"language":"PYTHON","code":"C"}},{"codeExecutionResult":{"outcome":"OK","output":"O"}}]},
			{"role":"user","parts":[{"functionResponse":{"name":"f","id":"i","response":{"output":{"name":"T","list":["V"]}}}}]},{"parts":[{"text":"W"}]}],
			"tools":[{"functionDeclarations":[{"name":"f","description":"D","parameters":{"type":"OBJECT","properties":{"x":{"type":"STRING","description":"P"}}}}]}],"generationConfig":{"stopSequences":["s"],"responseSchema":{"description":"F"}}}`,
			[]string{"system: S", "user: U", "assistant: R", "assistant: A", "assistant: C", "tool: O", "tool: T", "tool: V", "user: W", "system: D", "system: P", "system: F"}},
		"Gemini's in snake_case": {Generate, `{"system_instruction":{"parts":{"text":"S"}},"contents":{"parts":[{"function_response":{"response":{"x":"T"}}}]}}`, []string{"system: S", "tool: T"}},
		"Gemini's count":         {GeminiCount, `{"generateContentRequest":{"model":"models/m","systemInstruction":{"parts":[{"text":"S"}]},"contents":[{"role":"model","parts":[{"text":"A"}]}]}}`, []string{"system: S", "assistant: A"}},
		"Gemini's embeddings":    {GeminiEmbed, `{"requests":[{"model":"models/m","content":{"parts":[{"text":"A"}]},"title":"T"}]}`, []string{"user: A", "user: T"}},
	} {
		if diff := cmp.Diff(test.want, textsIn(t, test.shape, test.body)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
}

func TestTextsKnowTheirMessage(t *testing.T) {
	const body = `{"model":"m","system":[{"text":"s"},{"text":"s"}],"messages":[{"role":"user","content":[{"text":"a"},{"text":"a"}]},{"role":"user","content":"b"}],"tools":[{"description":"c"},{"description":"d"}]}`
	var r Request
	if err := r.Decode(Messages, []byte(body)); err != nil {
		t.Fatal(err)
	}
	byPart, last := map[int]string{}, -1
	for _, text := range r.Texts(nil) {
		if text.Part < last {
			t.Errorf("part %d comes after %d", text.Part, last)
		}
		last = text.Part
		byPart[text.Part] += body[text.From:text.To]
	}
	got := map[string]bool{}
	for _, texts := range byPart {
		got[texts] = true
	}
	if diff := cmp.Diff(map[string]bool{"ss": true, "aa": true, "b": true, "c": true, "d": true}, got); diff != "" {
		t.Errorf("texts by part (-want +got):\n%s", diff)
	}
}

func TestTextsOfRequestsAsSDKsWriteThem(t *testing.T) {
	paths, err := filepath.Glob("anthropic/testdata/requests/*.json")
	if err != nil || len(paths) < 10 {
		t.Fatalf("%d requests, %v", len(paths), err)
	}
	for _, path := range paths {
		body, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		var r Request
		if e := r.Decode(Messages, body); e != nil {
			t.Fatalf("%s: %v", path, e)
		}
		if len(r.Texts(nil)) == 0 {
			t.Errorf("%s: no texts were found", path)
		}
	}
}
