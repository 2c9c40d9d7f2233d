// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package dialect

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/sparkgateway/spark/gateway/exchange"
)

const (
	pinA = Pin("sp-1a2b3c4d-")
	pinB = Pin("sp-00000000-")
)

func TestAPinIsTheSameForAProviderAndAnotherForOthers(t *testing.T) {
	one, again, other := PinOf("default/openai"), PinOf("default/openai"), PinOf("default/azure")
	if one != again || one == other || len(one) != pinLen || !strings.HasPrefix(string(one), "sp-") {
		t.Errorf("%q, %q, %q", one, again, other)
	}
	if one != "sp-d16518db-" {
		t.Errorf("the pin of default/openai became %q: ids that clients hold would be lost", one)
	}
}

func TestCutPin(t *testing.T) {
	tests := map[string]struct{ id, wantPin, wantOwn string }{
		"a pinned id":                     {"sp-1a2b3c4d-file-abc", "sp-1a2b3c4d-", "file-abc"},
		"an id pinned twice":              {"sp-1a2b3c4d-sp-00000000-file-abc", "sp-1a2b3c4d-", "sp-00000000-file-abc"},
		"a provider's own id":             {"file-abc", "", "file-abc"},
		"none":                            {"", "", ""},
		"a pin and nothing else":          {"sp-1a2b3c4d-", "", "sp-1a2b3c4d-"},
		"digits in upper case":            {"sp-1A2B3C4D-file-abc", "", "sp-1A2B3C4D-file-abc"},
		"a digit too few":                 {"sp-1a2b3c4-file-abc", "", "sp-1a2b3c4-file-abc"},
		"a digit too many":                {"sp-1a2b3c4d5-file-abc", "", "sp-1a2b3c4d5-file-abc"},
		"another prefix of the same size": {"xy-1a2b3c4d-file-abc", "", "xy-1a2b3c4d-file-abc"},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			pin, own := CutPin([]byte(tc.id))
			if string(pin) != tc.wantPin || string(own) != tc.wantOwn {
				t.Errorf("pin %q, own %q", pin, own)
			}
		})
	}
}

// P stands for the pin in what is wanted.
func pinned(text string) string { return strings.ReplaceAll(text, "P", string(pinA)) }

func TestIDsOfAnAnswerArePinned(t *testing.T) {
	tests := map[string]struct {
		kept       Kept
		give, want string
	}{
		"a file": {KeptFiles,
			`{"id":"file-1","object":"file","filename":"id"}`, `{"id":"Pfile-1","object":"file","filename":"id"}`},
		"a list, its ends, and white space": {KeptFiles,
			"{ \"data\" : [ {\"id\" : \"file-1\"} ,{\"id\":\"file-2\"}], \"first_id\":\"file-1\",\n\"last_id\":\"file-2\"}",
			"{ \"data\" : [ {\"id\" : \"Pfile-1\"} ,{\"id\":\"Pfile-2\"}], \"first_id\":\"Pfile-1\",\n\"last_id\":\"Pfile-2\"}"},
		"a batch, without what is not there yet": {KeptFiles,
			`{"id":"batch_1","input_file_id":"file-1","output_file_id":null,"error_file_id":"","metadata":{"id":"mine","file_id":"mine"}}`,
			`{"id":"Pbatch_1","input_file_id":"Pfile-1","output_file_id":null,"error_file_id":"","metadata":{"id":"mine","file_id":"mine"}}`},
		"ids that are no strings": {KeptFiles, `{"id":1,"file_id":{"id":true},"last_id":[]}`, `{"id":1,"file_id":{"id":true},"last_id":[]}`},
		"an id with escapes":      {KeptFiles, `{"id":"fi\u006ce-\"1"}`, `{"id":"Pfi\u006ce-\"1"}`},
		"a key with escapes":      {KeptFiles, `{"\u0069d":"file-1"}`, `{"\u0069d":"Pfile-1"}`},
		"a response, but not its items": {KeptResponses,
			`{"id":"resp_1","object":"response","previous_response_id":"resp_0","output":[{"type":"message","id":"msg_1","content":[
			 {"type":"output_text","text":"\"id\":\"x\"","annotations":[{"type":"file_citation","file_id":"file-1"}]}]}]}`,
			`{"id":"Presp_1","object":"response","previous_response_id":"Presp_0","output":[{"type":"message","id":"msg_1","content":[
			 {"type":"output_text","text":"\"id\":\"x\"","annotations":[{"type":"file_citation","file_id":"Pfile-1"}]}]}]}`},
		"the files of a tool, but not its schema": {KeptResponses,
			`{"id":"r","tools":[{"container":{"file_ids":["a","b"]}},{"parameters":{"default":{"file_id":"x"}}}]}`,
			`{"id":"Pr","tools":[{"container":{"file_ids":["Pa","Pb"]}},{"parameters":{"default":{"file_id":"x"}}}]}`},
		"an event with a response": {KeptResponses,
			`{"type":"response.created","response":{"id":"resp_1","output":[{"id":"msg_1"}]},"sequence_number":0}`,
			`{"type":"response.created","response":{"id":"Presp_1","output":[{"id":"msg_1"}]},"sequence_number":0}`},
		"an event of an item, whose name others repeat": {KeptResponses,
			`{"type":"response.output_item.added","item":{"id":"msg_1"}}`, `{"type":"response.output_item.added","item":{"id":"msg_1"}}`},
		"a list of items": {KeptResponses,
			`{"object":"list","data":[{"id":"msg_1"}],"first_id":"msg_1"}`, `{"object":"list","data":[{"id":"msg_1"}],"first_id":"msg_1"}`},
		"what is not JSON":          {KeptFiles, `{"id":"file-1"`, `{"id":"file-1"`},
		"what is not JSON any more": {KeptFiles, `{"id":"file-1",}`, `{"id":"file-1",}`},
		"what nobody keeps":         {KeptNothing, `{"id":"chatcmpl-1"}`, `{"id":"chatcmpl-1"}`},
		"nothing":                   {KeptFiles, ``, ``},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			got := pinA.AppendPinned([]byte("before "), []byte(tc.give), tc.kept)
			if diff := cmp.Diff("before "+pinned(tc.want), string(got)); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestIDsOfARequestAreUnpinned(t *testing.T) {
	tests := map[string]struct {
		dialect    exchange.Dialect
		give, want string
		wantField  string
	}{
		"a file in a chat": {exchange.OpenAI,
			`{"messages":[{"content":[{"type":"file","file":{"file_id":"Pfile-1"}}]}],"model":"m"}`,
			`{"messages":[{"content":[{"type":"file","file":{"file_id":"file-1"}}]}],"model":"m"}`, "file_id"},
		"several": {exchange.Responses,
			`{"previous_response_id":"Presp_1","input":[{"content":[{"file_id":"Pa"},{"file_id":"Pb"}]}],"tools":[{"container":{"file_ids":["Pc","d"]}}]}`,
			`{"previous_response_id":"resp_1","input":[{"content":[{"file_id":"a"},{"file_id":"b"}]}],"tools":[{"container":{"file_ids":["c","d"]}}]}`,
			"previous_response_id"},
		"a batch": {exchange.OpenAI,
			`{"input_file_id":"Pfile-1","metadata":{"id":"Pmine"}}`, `{"input_file_id":"file-1","metadata":{"id":"Pmine"}}`, "input_file_id"},
		"Anthropic's sources, but not what a model gave a tool": {exchange.Anthropic,
			`{"messages":[{"content":[{"source":{"file_id":"Pf"}},{"type":"tool_use","input":{"file_id":"Pg"}}]}]}`,
			`{"messages":[{"content":[{"source":{"file_id":"f"}},{"type":"tool_use","input":{"file_id":"Pg"}}]}]}`, "file_id"},
		"words that look like an id": {exchange.OpenAI, `{"messages":[{"content":"Pfile-1"}],"user":"Pfile-1"}`,
			`{"messages":[{"content":"Pfile-1"}],"user":"Pfile-1"}`, ""},
		"a schema's default":           {exchange.OpenAI, `{"tools":[{"function":{"parameters":{"file_id":"Px"}}}]}`, `{"tools":[{"function":{"parameters":{"file_id":"Px"}}}]}`, ""},
		"ids without a pin":            {exchange.OpenAI, `{"file_id":"file-1"}`, `{"file_id":"file-1"}`, ""},
		"Gemini, which keeps no files": {exchange.Gemini, `{"file_id":"Px"}`, `{"file_id":"Px"}`, ""},
		"what is not JSON":             {exchange.OpenAI, `{"file_id":"Px"`, `{"file_id":"Px"`, ""},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			got, mention, err := Unpin([]byte(pinned(tc.give)), tc.dialect)
			if err != nil {
				t.Fatal(err)
			}
			want := Mention{}
			if tc.wantField != "" {
				want = Mention{tc.wantField, pinA}
			}
			if diff := cmp.Diff(pinned(tc.want), string(got)); diff != "" || mention != want {
				t.Errorf("mention %+v, want %+v; %s", mention, want, diff)
			}
		})
	}
}

func TestIDsOfTwoProvidersAreRefused(t *testing.T) {
	body := `{"previous_response_id":"` + string(pinA) + `r","input":[{"file_id":"` + string(pinB) + `f"}]}`
	_, _, err := Unpin([]byte(body), exchange.Responses)
	if err == nil || err.Status != 400 || err.Param != "file_id" || !strings.Contains(err.Message, "'previous_response_id'") {
		t.Errorf("%+v", err)
	}
}

func TestNestingIsBoundedInIDs(t *testing.T) {
	deep := `{"file_id":"` + string(pinA) + `f","x":` + strings.Repeat("[", 600) + strings.Repeat("]", 600) + `}`
	if got, mention, err := Unpin([]byte(deep), exchange.OpenAI); string(got) != deep || mention.Pin != "" || err != nil {
		t.Errorf("mention %+v, error %v", mention, err)
	}
	if got := pinA.AppendPinned(nil, []byte(deep), KeptFiles); string(got) != deep {
		t.Errorf("%s", got)
	}
}

// What was pinned comes back as it was, and stays JSON.
func FuzzPin(f *testing.F) {
	for _, seed := range []string{
		`{"id":"a"}`, `{"data":[{"id":"a","metadata":{"id":"b"}}],"first_id":"a"}`, `{"response":{"id":"r"}}`,
		`{"file_ids":["a",["b"]],"\u0069d":"\u0041"}`, `{"id":"sp-1a2b3c4d-x"}`, `[{"id":"`, `{"id":"sp-00000000-y","id":"x"}`,
	} {
		f.Add(seed, true)
		f.Add(seed, false)
	}
	f.Fuzz(func(t *testing.T, text string, files bool) {
		kept := KeptResponses
		if files {
			kept = KeptFiles
		}
		got := pinA.AppendPinned(nil, []byte(text), kept)
		if json.Valid([]byte(text)) && !json.Valid(got) {
			t.Fatalf("%s became %s", text, got)
		}
		if strings.Contains(text, pinPrefix) {
			return // What a client pinned itself is taken off as well.
		}
		back, _, err := Unpin(got, exchange.OpenAI)
		if err != nil || string(back) != text {
			t.Fatalf("%s became %s, and that %s, %v", text, got, back, err)
		}
	})
}
