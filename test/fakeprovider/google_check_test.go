// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package fakeprovider_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/sparkgateway/spark/test/fakeprovider"
)

func turn(role string, parts ...any) object { return object{"role": role, "parts": parts} }
func spoken(words string) object            { return object{"text": words} }

func functionUse(name string) object {
	return object{"functionCall": object{"name": name, "args": object{}}}
}

func functionReply(name string) object {
	return object{"functionResponse": object{"name": name, "response": object{"result": "sunny"}}}
}

func inline(kind, data string) object {
	return object{"inlineData": object{"mimeType": kind, "data": data}}
}

func declared(names ...string) list {
	functions := list{}
	for _, name := range names {
		functions = append(functions, object{"name": name, "parameters": object{"type": "OBJECT", "properties": object{
			"city": object{"type": "STRING"}}, "required": list{"city"}}})
	}
	return list{object{"functionDeclarations": functions}}
}

func config(members object) object { return object{"generationConfig": members} }

func mode(mode string, allowed ...any) object {
	calling := object{"mode": mode}
	if len(allowed) > 0 {
		calling["allowedFunctionNames"] = allowed
	}
	return object{"functionCallingConfig": calling}
}

func TestGoogleRefuses(t *testing.T) {
	server := start(t, fakeprovider.Options{StrictModels: true, Models: []string{"gemini-2.5-flash"}})
	for name, c := range map[string]struct {
		members object
		reason  string
	}{
		"a member of OpenAI's": {object{"messages": list{}}, `Unknown name "messages": Cannot find field.`},
		"a stranger deep inside": {object{"contents": list{turn("user", spoken("x"), object{"text": "x", "type": "text"})}},
			`Unknown name "type" at 'contents[0].parts[1]': Cannot find field.`},
		"JSON Schema where Google's is": {object{"tools": list{object{"functionDeclarations": list{object{"name": "f",
			"parameters": object{"type": "object", "additionalProperties": false}}}}}},
			`Unknown name "additionalProperties" at 'tools[0].functionDeclarations[0].parameters'`},
		"a schema of JSON Schema's": {config(object{"responseMimeType": "application/json", "responseSchema": object{"$ref": "x"}}),
			`Unknown name "$ref" at 'generationConfig.responseSchema'`},
		"no contents":             {object{"contents": nil}, "contents is not specified"},
		"a role of OpenAI's":      {object{"contents": list{turn("assistant", spoken("x"))}}, "valid role: user, model"},
		"no role among several":   {object{"contents": list{turn("user", spoken("x")), turn("", spoken("x"))}}, "valid role"},
		"no parts":                {object{"contents": list{turn("user")}}, "parts must not be empty"},
		"a part of nothing":       {object{"contents": list{turn("user", object{})}}, "must have one initialized field"},
		"a part of two things":    {object{"contents": list{turn("user", object{"text": "x", "inlineData": object{"mimeType": "a/b", "data": "x"}})}}, "is already set"},
		"an image of noise":       {object{"contents": list{turn("user", inline("image/png", "!"))}}, "Unable to process input image"},
		"data of no kind":         {object{"contents": list{turn("user", inline("", pixel))}}, "mime_type and data"},
		"a call without response": {object{"contents": list{turn("user", spoken("x")), turn("model", functionUse("f")), turn("user", spoken("x"))}}, "number of function response parts"},
		"a response to nothing":   {object{"contents": list{turn("user", functionReply("f"))}}, "function response turn"},
		"one response too few": {object{"contents": list{turn("user", spoken("x")), turn("model", functionUse("f"), functionUse("f")),
			turn("user", functionReply("f"))}}, "number of function response parts"},
		"a response that is a string": {object{"contents": list{turn("user", spoken("x")), turn("model", functionUse("f")),
			turn("user", object{"functionResponse": object{"name": "f", "response": "x"}})}}, "function_response.response"},
		"a signature made up": {object{"contents": list{turn("user", spoken("x")), turn("model", object{"functionCall": object{"name": "f"},
			"thoughtSignature": "AAAA"}), turn("user", functionReply("f"))}}, "Thought signature is not valid"},
		"functions of one name":    {object{"tools": declared("f", "f")}, "Duplicate function declaration"},
		"a name that is none":      {object{"tools": declared("1 f")}, "Invalid function name"},
		"a mode that is none":      {object{"tools": declared("f"), "toolConfig": mode("REQUIRED")}, "mode' (enum)"},
		"any of no functions":      {object{"toolConfig": mode("ANY")}, "without function_declarations"},
		"a name that is unknown":   {object{"tools": declared("f"), "toolConfig": mode("ANY", "g")}, "allowed_function_names"},
		"names where all may be":   {object{"tools": declared("f"), "toolConfig": mode("AUTO", "f")}, "mode is not ANY"},
		"too many candidates":      {config(object{"candidateCount": 9}), "candidate_count"},
		"too hot":                  {config(object{"temperature": 2.1}), "temperature"},
		"no tokens at all":         {config(object{"maxOutputTokens": 0}), "max_output_tokens"},
		"too many stop sequences":  {config(object{"stopSequences": list{"a", "b", "c", "d", "e", "f"}}), "stop_sequences"},
		"a schema for words":       {config(object{"responseSchema": object{"type": "STRING"}}), "only allowed when response mime_type"},
		"two schemas":              {config(object{"responseMimeType": "application/json", "responseSchema": object{}, "responseJsonSchema": object{}}), "Only one of"},
		"a type that is none":      {config(object{"responseMimeType": "json"}), "allowed mimetypes"},
		"top logprobs alone":       {config(object{"logprobs": 2}), "response_logprobs"},
		"two measures of thinking": {config(object{"thinkingConfig": object{"thinkingBudget": 1, "thinkingLevel": "low"}}), "only one of thinking budget"},
		"an effort of OpenAI's":    {config(object{"thinkingConfig": object{"thinkingLevel": "xhigh"}}), "thinking_level"},
		"labels":                   {object{"labels": object{"a": "b"}}, "labels parameter is not supported"},
	} {
		t.Run(name, func(t *testing.T) {
			response, content := call(t, server, geminiPath+":generateContent", with(t, contents, c.members))
			_, status, reason := googleFailure(t, content)
			if response.StatusCode != 400 || status != "INVALID_ARGUMENT" || !strings.Contains(reason, c.reason) {
				t.Errorf("%s %s %q, want one about %q", response.Status, status, reason, c.reason)
			}
		})
	}
	response, content := call(t, server, strings.Replace(geminiPath, "2.5", "9", 1)+":generateContent", contents)
	if code, status, _ := googleFailure(t, content); response.StatusCode != 404 || code != 404 || status != "NOT_FOUND" {
		t.Errorf("an unknown model: %s %s", response.Status, content)
	}
	if response, content := call(t, server, vertexPath+":generateContent", with(t, contents, object{"labels": object{"a": "b"}})); response.StatusCode != 200 {
		t.Errorf("Vertex AI has labels: %s", content)
	}
}

func TestGoogleTakesBothSpellings(t *testing.T) {
	server := start(t, fakeprovider.Options{})
	got := generated(t, server, `{"contents":[{"parts":[{"text":"hi"}]}],"system_instruction":{"parts":[{"text":"x"}]},`+
		`"generation_config":{"max_output_tokens":2,"response_mime_type":"text/plain"},"tools":[{"google_search":{}}]}`)
	if got.Candidates[0].FinishReason != "MAX_TOKENS" || got.Usage.Candidates != 2 {
		t.Errorf("got %+v", got)
	}
}

func TestGoogleCallsFunctions(t *testing.T) {
	server := start(t, fakeprovider.Options{})
	for name, c := range map[string]struct {
		members object
		headers []string
		want    string // names
	}{
		"none unless it must":      {object{}, nil, ""},
		"one where any must be":    {object{"toolConfig": mode("ANY")}, nil, "f"},
		"the one that is allowed":  {object{"toolConfig": mode("any", "g")}, nil, "g"},
		"as many as it is told":    {object{}, []string{"x-fake-calls", "3"}, "f g f"},
		"none where it must not":   {object{"toolConfig": mode("NONE")}, []string{"x-fake-calls", "3"}, ""},
		"parameters by JSONSchema": {object{"tools": list{object{"functionDeclarations": list{object{"name": "f", "parametersJsonSchema": object{"type": "object", "properties": object{"city": object{"type": "string"}}}}}}}}, []string{"x-fake-calls", "1"}, "f"},
	} {
		t.Run(name, func(t *testing.T) {
			got := generated(t, server, with(t, with(t, contents, object{"tools": declared("f", "g")}), c.members), c.headers...)
			var names []string
			for i, part := range got.Candidates[0].Content.Parts {
				if part.Call == nil {
					continue
				}
				names = append(names, part.Call.Name)
				if diff := cmp.Diff(object{"city": "hi"}, part.Call.Args); diff != "" || part.ThoughtSignature != "" {
					t.Errorf("call %d: %s %s", i, diff, part.ThoughtSignature)
				}
			}
			if got := strings.Join(names, " "); got != c.want {
				t.Errorf("called %q, want %q", got, c.want)
			}
		})
	}
}
