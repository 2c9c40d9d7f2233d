// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package converse

import (
	"crypto/sha256"
	"encoding/hex"

	"github.com/sparkgateway/spark/gateway/dialect/chat"
	"github.com/sparkgateway/spark/gateway/exchange"
)

// Encoder asks Bedrock. It is stateless and safe for concurrent use. The same body goes to Converse and, for a Request
// that asks for a stream, to ConverseStream; the model goes into the path.
type Encoder struct{}

var (
	_ chat.Encoder      = Encoder{}
	_ chat.ErrorDecoder = Encoder{}
)

// AppendRequest renders a request. It sends no bound on tokens where the application named none: Bedrock takes the
// model's own. A 400 names what Converse, or this family of models, cannot express.
func (Encoder) AppendRequest(dst []byte, r *chat.Request, t chat.Target) ([]byte, *exchange.Error) {
	body, err := encode(r, t)
	if err != nil {
		return dst, err
	}
	return chat.Append(dst, body), nil
}

// encoding is one request on its way.
type encoding struct {
	r      *chat.Request
	family family
	names  documentNames
	body   request
}

func encode(r *chat.Request, t chat.Target) (*request, *exchange.Error) {
	e := &encoding{r: r, family: familyOf(t.Model), names: documentNames{}}
	for _, step := range []func() *exchange.Error{e.refuse, e.messages, e.tools, e.format, e.inference, e.reasoning, e.topK} {
		if err := step(); err != nil {
			return nil, err
		}
	}
	if r.User != "" {
		e.body.RequestMetadata = map[string]string{"user_id": userName(r.User)}
	}
	return &e.body, nil
}

// refuse names the first field that Converse has no words for, but for values that ask for nothing.
func (e *encoding) refuse() *exchange.Error {
	r := e.r
	for _, f := range [...]struct {
		field chat.Field
		asked bool
	}{
		{chat.FieldParallelCalls, r.ParallelCalls != nil && !*r.ParallelCalls && len(r.Tools) > 0},
		{chat.FieldSeed, r.Seed != nil},
		{chat.FieldFrequency, r.Frequency != nil && *r.Frequency != 0},
		{chat.FieldPresence, r.Presence != nil && *r.Presence != 0},
		{chat.FieldCandidates, r.Candidates != nil && *r.Candidates != 1},
		{chat.FieldLogProbs, r.LogProbs != nil && *r.LogProbs},
		{chat.FieldTopLogProbs, r.TopLogProbs != nil && *r.TopLogProbs != 0},
	} {
		if f.asked {
			return r.Refuse(f.field, target)
		}
	}
	return nil
}

func (e *encoding) inference() *exchange.Error {
	r := e.r
	if r.Temperature != nil && *r.Temperature > 1 {
		return e.refuseWith(chat.FieldTemperature, "it is at most 1 there")
	}
	e.body.InferenceConfig = inference{
		MaxTokens: r.MaxTokens, Temperature: e.sampling(r.Temperature), TopP: e.sampling(r.TopP), StopSequences: r.Stop,
	}
	// Which of the stop sequences ended an answer is Claude's to say, and is told where it is asked for only.
	if len(r.Stop) > 0 && e.family.maker == claude {
		path := "/stop_sequence"
		if r.Stream {
			path = "/delta/stop_sequence"
		}
		e.body.AdditionalModelResponseFieldPaths = []string{path}
	}
	return nil
}

// sampling leaves out a value of 1 for Claude: it is the default there, and newer models refuse the fields altogether.
func (e *encoding) sampling(v *float64) *float64 {
	if v != nil && *v == 1 && e.family.maker == claude {
		return nil
	}
	return v
}

// format asks for JSON by a schema. Bedrock holds the model to it always, which is more than Strict false asks.
func (e *encoding) format() *exchange.Error {
	f := e.r.Format
	switch f.Kind {
	case chat.PlainText:
		return nil
	case chat.JSONObject:
		return e.refuseWith(chat.FieldFormat, "JSON is described by a schema there")
	default:
		if len(f.Schema) == 0 {
			return e.refuseWith(chat.FieldFormat, "JSON is described by a schema there")
		}
		e.body.OutputConfig.TextFormat = &textFormat{
			Type:      "json_schema",
			Structure: structure{jsonSchema{Schema: string(f.Schema), Name: f.Name, Description: f.Description}},
		}
		return nil
	}
}

func (e *encoding) topK() *exchange.Error {
	k := e.r.TopK
	switch {
	case k == nil:
	case e.family.maker == claude:
		e.body.AdditionalModelRequestFields.TopK = k
	case e.family.maker == nova:
		e.body.AdditionalModelRequestFields.InferenceConfig = &novaInference{TopK: k}
	default:
		return e.r.Refuse(chat.FieldTopK, target)
	}
	return nil
}

func (e *encoding) refuseWith(f chat.Field, note string) *exchange.Error {
	return chat.RefuseAt(e.r.Names(f), target, note)
}

// userName is what an end user is called in the invocation logs, the place where Bedrock's customers look for abuse.
// Names that request metadata cannot hold are told apart by their digest.
func userName(user string) string {
	const most = 256
	if len(user) <= most && only(user, " :_@$#=/+,-.") {
		return user
	}
	return digest(user)
}

// fits says whether a name or ID is one that Bedrock takes: 1 to 64 letters, digits, underscores and hyphens.
func fits(s string) bool { return s != "" && len(s) <= 64 && only(s, "_-") }

// only says whether there is nothing but letters and digits of ASCII, and the marks given.
func only(s, marks string) bool {
	for i := range len(s) {
		c := s[i]
		if 'a' <= c|0x20 && c|0x20 <= 'z' || '0' <= c && c <= '9' || has(marks, c) {
			continue
		}
		return false
	}
	return true
}

func has(marks string, c byte) bool {
	for i := range len(marks) {
		if marks[i] == c {
			return true
		}
	}
	return false
}

func digest(s string) string {
	sum := sha256.Sum256([]byte(s))
	return hex.EncodeToString(sum[:16])
}
