// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package load

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net/url"
	"slices"
	"strconv"
)

// Mix says what requests are like. It is not changed while a run lasts.
type Mix struct {
	Dialect Dialect
	Model   string
	// StreamPercent of the requests ask for a stream: 0 to 100.
	StreamPercent float64
	Prompts       Sizes
	// Distinct is how many different prompts there are, after which they come again; 0: each is its own.
	Distinct int
	// MaxTokens bounds each answer.
	MaxTokens int
	// Seed makes two runs ask the same.
	Seed uint64
}

// Request is one request.
type Request struct {
	// Number counts from 0.
	Number int
	// Path begins with a slash, and is without the base.
	Path   string
	Body   []byte
	Stream bool
}

// maker makes requests. It is safe for concurrent use: what it makes depends on the number alone.
type maker struct {
	Mix
	paths  map[bool]string
	before map[bool][]byte // of the body, by whether a stream is asked for
	after  []byte
}

func newMaker(m Mix) *maker {
	k := &maker{Mix: m, paths: map[bool]string{}, before: map[bool][]byte{}}
	name, _ := json.Marshal(m.Model) // a string can always be written
	model, most := string(name), strconv.Itoa(m.MaxTokens)
	for _, stream := range []bool{false, true} {
		k.paths[stream] = m.Dialect.path(m.Model, stream)
		k.before[stream], k.after = m.Dialect.body(model, most, stream)
	}
	return k
}

func (k *maker) make(number int) *Request {
	choice := rand.New(rand.NewPCG(k.Seed, uint64(number)<<1))
	stream := choice.Float64()*100 < k.StreamPercent
	which := number
	if k.Distinct > 0 {
		which %= k.Distinct
	}
	random := rand.New(rand.NewPCG(k.Seed, uint64(which)<<1|1))
	tokens := k.Prompts.Sample(random)
	before := k.before[stream]
	body := make([]byte, 0, len(before)+tokens*wordBytes+len(k.after))
	body = append(appendPrompt(append(body, before...), tokens, random), k.after...)
	return &Request{Number: number, Path: k.paths[stream], Body: body, Stream: stream}
}

// Dialect is the API that is spoken.
type Dialect string

// The dialects.
const (
	OpenAI    Dialect = "openai"
	Responses Dialect = "responses"
	Anthropic Dialect = "anthropic"
	Gemini    Dialect = "gemini"
)

// Dialects are all of them.
var Dialects = []Dialect{OpenAI, Responses, Anthropic, Gemini}

// ParseDialect reads one.
func ParseDialect(text string) (Dialect, error) {
	if d := Dialect(text); slices.Contains(Dialects, d) {
		return d, nil
	}
	return "", fmt.Errorf("dialect %q is none of %v", text, Dialects)
}

func (d Dialect) path(model string, stream bool) string {
	switch d {
	case Responses:
		return "/v1/responses"
	case Anthropic:
		return "/v1/messages"
	case Gemini:
		path := "/v1beta/models/" + url.PathEscape(model)
		if stream {
			return path + ":streamGenerateContent?alt=sse"
		}
		return path + ":generateContent"
	}
	return "/v1/chat/completions"
}

// body is what stands before a prompt and behind it. The model is quoted.
func (d Dialect) body(model, most string, stream bool) (before, after []byte) {
	if d == Gemini {
		return []byte(`{"generationConfig":{"maxOutputTokens":` + most + `},"contents":[{"role":"user","parts":[{"text":"`), []byte(`"}]}]}`)
	}
	text := `{"model":` + model
	switch {
	case stream && d == OpenAI:
		text += `,"stream":true,"stream_options":{"include_usage":true}`
	case stream:
		text += `,"stream":true`
	}
	if d == Responses {
		return []byte(text + `,"max_output_tokens":` + most + `,"input":"`), []byte(`"}`)
	}
	return []byte(text + `,"max_tokens":` + most + `,"messages":[{"role":"user","content":"`), []byte(`"}]}`)
}
