// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package dialect

import (
	"errors"
	"fmt"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/sparkgateway/spark/gateway/config"
	"github.com/sparkgateway/spark/gateway/exchange"
)

const (
	// size is that of large bodies here. Through a server they have more, in test/dataplane.
	size = 256 << 10
	// most is how many bytes may be allocated for each byte of a body, over all of a translation.
	most = 64
)

// repeated is a piece as often as it may stand in a body, with commas between; the first x in it is as long as the rest of
// the body allows.
func repeated(piece string) string {
	const times = size / 105 // the bytes of a body for each of as many objects as may be translated
	piece = strings.Replace(piece, "x", strings.Repeat("x", max(1, 105-len(piece))), 1)
	return strings.TrimSuffix(strings.Repeat(piece+",", times), ",")
}

// large are bodies by what they consist of, in each dialect of applications.
func large(dialect exchange.Dialect) map[string]string {
	letters := strings.Repeat("x", size)
	switch dialect {
	case exchange.Responses:
		said := func(input string) string { return `{"model":"m","input":` + input + `}` }
		return map[string]string{
			"one string":     said(`"` + letters + `"`),
			"small messages": said("[" + repeated(`{"role":"user","content":"x"}`) + "]"),
			"small parts":    said(`[{"role":"user","content":[` + repeated(`{"type":"input_text","text":"x"}`) + "]}]"),
			"small tools":    `{"model":"m","input":"x","tools":[` + repeated(`{"type":"function","name":"f","description":"x"}`) + "]}",
			"allowed tools": `{"model":"m","input":"x","tools":[` + repeated(`{"type":"function","name":"x"}`) +
				`],"tool_choice":{"type":"allowed_tools","mode":"auto","tools":[` + repeated(`{"type":"function","name":"x"}`) + "]}}",
		}
	case exchange.Anthropic:
		said := func(messages string) string { return `{"model":"m","max_tokens":5,"messages":[` + messages + `]}` }
		return map[string]string{
			"one string":     said(`{"role":"user","content":"` + letters + `"}`),
			"small messages": said(repeated(`{"role":"user","content":"x"}`)),
			"small parts":    said(`{"role":"user","content":[` + repeated(`{"type":"text","text":"x"}`) + "]}"),
			"small calls":    said(`{"role":"user","content":"x"},{"role":"assistant","content":[` + repeated(`{"type":"tool_use","id":"a","name":"f","input":{"a":"x"}}`) + "]}"),
		}
	case exchange.Gemini:
		said := func(contents string) string { return `{"contents":[` + contents + `]}` }
		return map[string]string{
			"one string":     said(`{"parts":[{"text":"` + letters + `"}]}`),
			"small messages": said(repeated(`{"parts":[{"text":"x"}]}`)),
			"small parts":    said(`{"parts":[` + repeated(`{"text":"x"}`) + "]}"),
			"small thoughts": said(`{"parts":[{"text":"x"}]},{"role":"model","parts":[` + repeated(`{"text":"x","thought":true}`) + "]}"),
		}
	default:
		said := func(messages string) string { return `{"model":"m","messages":[` + messages + `]}` }
		return map[string]string{
			"one string":     said(`{"role":"user","content":"` + letters + `"}`),
			"escapes":        said(`{"role":"user","content":"` + strings.Repeat(`\u00fc`, size/6) + `"}`),
			"small messages": said(repeated(`{"role":"user","content":"x"}`)),
			"small parts":    said(`{"role":"user","content":[` + repeated(`{"type":"text","text":"x"}`) + "]}"),
			"small calls":    said(`{"role":"user","content":"x"},{"role":"assistant","tool_calls":[` + repeated(`{"id":"x","function":{"name":"f"}}`) + "]}"),
			"small results":  said(`{"role":"assistant","tool_calls":[{"id":"a","function":{"name":"f"}}]},` + repeated(`{"role":"tool","tool_call_id":"a","content":"x"}`)),
			"small thoughts": said(`{"role":"user","content":"x"},{"role":"assistant","reasoning_details":[` + repeated(`{"type":"reasoning.text","text":"x","index":0}`) + "]}"),
			"small stops":    `{"model":"m","messages":[{"role":"user","content":"x"}],"stop":[` + repeated(`"x"`) + "]}",
			"a large schema": `{"model":"m","messages":[{"role":"user","content":"x"}],"tools":[{"type":"function","function":{"name":"f","parameters":{"enum":[` + strings.Repeat("1,", size/2) + "1]}}}]}",
		}
	}
}

// Each is translated or refused, within memory and time that grow with the body and no faster.
func TestLargeBodiesAreTranslatedOrRefused(t *testing.T) {
	for i, a := range asking[:4] {
		for name, body := range large(a.dialect) {
			for _, to := range answering {
				if to.Wire == a.dialect || to.Type == config.AzureOpenAI || to.Type == config.Ollama || to.Type == config.OpenAICompatible {
					continue // which cost what OpenAI does
				}
				var before, after runtime.MemStats
				runtime.ReadMemStats(&before)
				began := time.Now()
				out, _, refused := translated(i, []byte(body), to)
				took := time.Since(began)
				runtime.ReadMemStats(&after)
				grown := (after.TotalAlloc - before.TotalAlloc) / uint64(len(body))
				pair := fmt.Sprintf("%s, %s to %s %s", name, a.dialect, to.Type, to.Model)
				switch {
				case refused != nil && (refused.Status != 400 || len(refused.Message) > 1000):
					t.Errorf("%s: %d %.300s", pair, refused.Status, refused.Message)
				case refused == nil && len(out) == 0:
					t.Errorf("%s: nothing", pair)
				case grown > most:
					t.Errorf("%s: %d bytes for each of the body", pair, grown)
				case took > 20*time.Second:
					t.Errorf("%s: took %s", pair, took)
				}
			}
		}
	}
}

func TestBodiesOfTooManyObjectsAreRefused(t *testing.T) {
	parts := func(n int) string { return strings.TrimSuffix(strings.Repeat(`{"text":"{","type":"text"},`, n), ",") }
	for i, test := range []struct{ body, param string }{
		{`{"model":"m","messages":[{"role":"user","content":[%s]}]}`, "messages"},
		{`{"model":"m","input":[{"role":"user","content":[%s]}]}`, "input"},
		{`{"model":"m","max_tokens":5,"messages":[{"role":"user","content":[%s]}]}`, "messages"},
		{`{"contents":[{"parts":[%s]}]}`, "contents"},
	} {
		if n := objects(fmt.Appendf(nil, test.body, parts(MaxObjects-2))); n != MaxObjects {
			t.Errorf("%s: %d objects", asking[i].dialect, n)
		}
		body := fmt.Appendf(nil, test.body, parts(MaxObjects-1))
		_, _, refused := translated(i, body, Target{Wire: exchange.Cohere, Type: config.Cohere, Model: "m"})
		if refused == nil || refused.Param != test.param || refused.Status != 400 || !strings.Contains(refused.Message, "100000 objects") {
			t.Errorf("%s, one object more: %+v", asking[i].dialect, refused)
		}
	}
}

// Brackets cost a parser its stack. They are refused by the first who reads them.
func TestDeepBodiesAreRefused(t *testing.T) {
	for name, nested := range map[string]string{
		"arrays":           strings.Repeat("[", size),
		"objects":          strings.Repeat(`{"a":`, size/5),
		"arrays, closed":   strings.Repeat("[", size/2) + strings.Repeat("]", size/2),
		"deeper than most": strings.Repeat("[", MaxDepth+1) + strings.Repeat("]", MaxDepth+1),
	} {
		for i, a := range asking[:4] {
			for place, body := range map[string]string{
				"the body itself": nested,
				"a tool": `{"model":"m","max_tokens":5,"input":"x","messages":[{"role":"user","content":"x"}],"contents":[{"parts":[{"text":"x"}]}],"tools":[` +
					nested + `]}`,
			} {
				for _, to := range answering {
					if to.Wire == a.dialect {
						continue
					}
					if _, _, refused := translated(i, []byte(body), to); refused == nil || refused.Status != 400 {
						t.Errorf("%s in %s, %s to %s: %+v", name, place, a.dialect, to.Type, refused)
					}
				}
			}
		}
	}
}

// What is as deep as is allowed goes through, so that nothing behind the first reader has a lesser bound.
func TestSchemasMayBeDeep(t *testing.T) {
	schema := strings.Repeat(`{"type":"object","properties":{"a":`, 200) + `{"type":"string"}` + strings.Repeat("}}", 200)
	body := `{"model":"m","messages":[{"role":"user","content":"x"}],"tools":[{"type":"function","function":{"name":"f","parameters":` + schema + `}}]}`
	for _, to := range answering {
		if to.Wire == exchange.OpenAI {
			continue
		}
		if out, _, refused := translated(0, []byte(body), to); refused != nil || strings.Count(string(out), "properties") != 200 {
			t.Errorf("%s: %+v, %d bytes", to.Type, refused, len(out))
		}
	}
}

// Responses repeats all of an answer at its end, and so holds it, up to a bound that the gateway is told of.
func TestAnAnswerThatIsTooLongFails(t *testing.T) {
	_, translation, refused := translated(1, []byte(`{"model":"m","input":"x","stream":true}`), Target{Wire: exchange.OpenAI, Type: config.Mistral, Model: "m"})
	if refused != nil {
		t.Fatal(refused.Message)
	}
	event := []byte(`{"choices":[{"index":0,"delta":{"content":"` + strings.Repeat("x", 4<<20) + `"}}]}`)
	var out []byte
	var err error
	n := 0
	for ; err == nil && n < 40; n++ {
		out, _, err = translation.Event(out[:0], nil, event)
	}
	var told *exchange.Error
	if !errors.As(err, &told) || told.Reason != exchange.ReasonResponseTooLarge || n != 16 {
		t.Fatalf("after %d times 4 MiB: %v", n, err)
	}
	if !strings.Contains(string(out), "event: response.failed\n") {
		t.Errorf("the application is told %.300s", out)
	}
	if more := translation.AppendFailure(nil, told); len(more) > 0 {
		t.Errorf("and told again: %.300s", more)
	}
}
