// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package gemini

import (
	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"github.com/sparkgateway/spark/gateway/dialect/chat"
)

// What a tool answered is an object to Gemini and text to everybody else. Text becomes {"result": text}, and
// {"error": text} where the tool failed; text that is an object itself goes as it is, below "error" where the tool
// failed. Reading undoes that.

// wrapResponse gives the object for a text.
func wrapResponse(text string, failed bool) jsontext.Value {
	object := isObject(text)
	switch {
	case failed && object:
		return jsontext.Value(`{"error":` + text + `}`)
	case failed:
		return chat.Append(nil, map[string]string{"error": text})
	case object:
		return jsontext.Value(text)
	}
	return chat.Append(nil, map[string]string{"result": text})
}

// unwrapResponse gives the text of an object, and whether the tool failed.
func unwrapResponse(response jsontext.Value) (text string, failed bool) {
	var members map[string]jsontext.Value
	if err := json.Unmarshal(response, &members); err != nil || len(members) != 1 {
		return string(response), false
	}
	if v, ok := members["error"]; ok {
		switch v.Kind() {
		case '{':
			return string(v), true
		case '"':
			return unquoted(v), true
		}
	}
	if v, ok := members["result"]; ok && v.Kind() == '"' {
		// A result that is the text of an object would come back as the object.
		if text := unquoted(v); !isObject(text) {
			return text, false
		}
	}
	return string(response), false
}

// isObject says that a text is one JSON object that may be embedded in another.
func isObject(text string) bool {
	v := jsontext.Value(text)
	return v.Kind() == '{' && v.IsValid()
}
