// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package dialect

import (
	"bytes"
	"unicode"
	"unicode/utf8"
)

// term is what a member of a request means where texts are looked for.
type term uint8

const (
	// termNone: a member that says nothing of its own; texts may stand deeper.
	termNone term = iota
	termRole
	termType
	// termText: the strings here are read by a model.
	termText
	// termMessages: messages stand here, or a text; termInput the same, but Anthropic's is the JSON that a tool is called
	// with, as termArguments is elsewhere.
	termMessages
	termInput
	termArguments
	// termSystem: instructions; termTools: what describes tools and formats.
	termSystem
	termTools
	termDescription
	// termOutput is a tool's; termSays what surrounds that of Gemini's tools, termResponse that itself.
	termOutput
	termSays
	termResponse
	// termMost: almost all strings within are texts; termEvery: all. termVariables: all that are members, and almost all
	// within those.
	termMost
	termVariables
	termEvery
	// termSource is Anthropic's, of a document; termData what stands in it.
	termSource
	termData
	// termMetadata: kept beside the request, for nobody's reading.
	termMetadata
	// termNever: an id, a name, an address, encoded bytes.
	termNever
)

// maxFolded is longer than any key that is a term.
const maxFolded = 32

// termOf compares a key as the most lenient reader of it would: Go's ignores case, and protobuf's takes camelCase and
// snake_case for one. What such a reader would find must not be hidden from the gateway.
func termOf(key []byte) term {
	if bytes.IndexByte(key, '\\') >= 0 {
		key = appendUnescaped(nil, key)
	}
	var folded [maxFolded]byte
	return termOfFolded(fold(folded[:0], key))
}

// fold appends a key that is not escaped, in lower case and without underscores; nil where it is too long for a term.
func fold(dst, key []byte) []byte {
	for i := 0; i < len(key); {
		c := rune(key[i])
		n := 1
		if c >= utf8.RuneSelf {
			c, n = utf8.DecodeRune(key[i:])
			c = simplest(c)
		}
		i += n
		switch {
		case c == '_':
			continue
		case len(dst) == maxFolded:
			return nil
		case c >= 'A' && c <= 'Z':
			c |= 0x20
		case c >= utf8.RuneSelf:
			return nil
		}
		dst = append(dst, byte(c))
	}
	return dst
}

// simplest gives the ASCII letter that a letter is by Unicode's simple folding, as ſ is s; else the letter.
func simplest(c rune) rune {
	for f := unicode.SimpleFold(c); f != c; f = unicode.SimpleFold(f) {
		if f < utf8.RuneSelf {
			return f
		}
	}
	return c
}

func termOfFolded(key []byte) term {
	switch string(key) {
	case "role":
		return termRole
	case "type":
		return termType
	case "content", "contents", "messages":
		return termMessages
	case "input":
		return termInput
	case "arguments", "args":
		return termArguments
	case "system", "instructions", "systeminstruction", "systemprompt", "chattemplate":
		return termSystem
	case "tools", "functions", "responseformat", "format", "responseschema", "responsejsonschema", "outputconfig",
		"outputformat":
		return termTools
	case "description", "serverdescription":
		return termDescription
	case "output", "outputs", "results":
		return termOutput
	case "functionresponse", "codeexecutionresult":
		return termSays
	case "response":
		return termResponse
	case "documents":
		return termMost
	case "variables":
		return termVariables
	case "inputexamples":
		return termEvery
	case "source":
		return termSource
	case "data":
		return termData
	case "metadata", "labels":
		return termMetadata
	case "id", "callid", "status", "name", "imageurl", "url", "uri", "fileid", "fileurl", "filedata", "filename", "image",
		"detail", "mimetype", "mediatype", "b64json", "encryptedcontent", "signature", "thoughtsignature":
		return termNever
	}
	if readable(key) {
		return termText
	}
	return termNone
}

// readable are the keys of what a model reads that need no more said.
func readable(key []byte) bool {
	switch string(key) {
	case "text", "texts", "prompt", "query", "queries", "suffix", "negativeprompt", "title", "context", "parts", "inputs",
		"passages", "document", "question", "snippet", "prefix", "prediction", // asked
		"refusal", "reasoning", "reasoningcontent", "thinking", "partialjson", "delta", "code", "transcript",
		"citedtext",                                                                            // said before
		"stdout", "stderr", "logs", "diff", "command", "commands", "stdin", "error", "message": // by and to tools
		return true
	}
	return false
}
