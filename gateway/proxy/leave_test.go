// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package proxy

import (
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/sparkgateway/spark/gateway/dialect"
	"github.com/sparkgateway/spark/gateway/exchange"
)

func TestAClientThatLeavesOrADrain(t *testing.T) {
	for _, draining := range []bool{false, true} {
		want, reason := exchange.ClientGone, exchange.ReasonClientGone
		if draining {
			want, reason = exchange.Drained, exchange.ReasonDraining
		}
		t.Run("before the call", func(t *testing.T) {
			r := &run{t: t, guard: &guard{gone: !draining, draining: draining}, journey: &Journey{}}
			r.do(target(t, &script{}), plain)
			r.finish()
			if r.refused == nil || r.refused.Outcome != want || r.refused.Reason != reason || r.ex.Usage.Source != exchange.UsageNone {
				t.Errorf("%+v, usage %+v", r.refused, r.ex.Usage)
			}
		})
		t.Run("while waiting", func(t *testing.T) {
			s := &script{hang: true, received: make(chan *http.Request, 1), bodies: make(chan string, 1)}
			r := &run{t: t, guard: &guard{}, journey: &Journey{}}
			go func() {
				<-s.bodies
				r.guard.leave(draining)
			}()
			r.do(target(t, s), plain)
			r.finish()
			if r.refused == nil || r.refused.Outcome != want {
				t.Errorf("%+v", r.refused)
			}
			if counted := r.ex.Usage.Prompt == 6; counted == draining {
				t.Errorf("usage %+v", r.ex.Usage)
			}
		})
		t.Run("in a stream", func(t *testing.T) {
			s := &script{pieces: chunks(delta("a"), delta("b")).pieces[:2], hang: true}
			r := &run{t: t, guard: &guard{}, journey: &Journey{}}
			time.AfterFunc(20*time.Millisecond, func() { r.guard.leave(draining) })
			r.do(target(t, s), stream)
			r.finish()
			if r.relay == nil || r.ex.Outcome != want || r.ex.Usage.Completion != 1 {
				t.Errorf("relay %v, %+v", r.relay, r.ex)
			}
			if got := cutError(r.out.String()); draining && got != delta("a")+"draining" || !draining && got != delta("a") {
				t.Errorf("got %q", got)
			}
		})
	}
}

// failing is a client that takes so many writes.
type failing struct{ writes int }

func (f *failing) Write(b []byte) (int, error) {
	if f.writes--; f.writes < 0 {
		return 0, errors.New("broken pipe")
	}
	return len(b), nil
}

func TestAClientThatCannotBeWrittenToHasLeft(t *testing.T) {
	var asked dialect.Request
	if err := asked.Decode(dialect.Chat, []byte(stream)); err != nil {
		t.Fatal(err)
	}
	var a Journey
	ex := exchange.Exchange{Stream: true}
	if err := a.Do(Request{Exchange: &ex, Operation: exchange.Chat, Asked: &asked, Body: []byte(stream), Fields: fields{}, Guard: &guard{}, Clock: clock},
		alone(target(t, chunks(delta("a"), delta("b"), delta("c"), doneEvent)))); err != nil {
		t.Fatal(err)
	}
	if _, err := a.WriteTo(&failing{writes: 1}); err == nil {
		t.Error("no error")
	}
	a.Finish()
	if ex.Outcome != exchange.ClientGone || ex.Usage.Source != exchange.UsageEstimated || ex.Usage.Completion == 0 {
		t.Errorf("%+v", ex)
	}
}

func TestAnAttemptIsUsedAgainAsIfItWereNew(t *testing.T) {
	var a Journey
	a.Finish() // before any use
	for _, step := range []struct {
		script *script
		body   string
		want   int64
	}{
		{chunks(delta("a"), usageEvent, doneEvent), stream, 6},
		{chunks(delta("a"), delta("b"), doneEvent), stream, 2},
		{whole(200, "application/json", `{"choices":[{"message":{"content":"1234"}}]}`), plain, 1},
		{whole(500, "application/json", `{}`), plain, 0},
		{chunks(delta("a"), `data: {"error":1}`+"\n\n"), stream, 1},
		{chunks(delta("a"), doneEvent), stream, 1},
	} {
		r := &run{t: t, guard: &guard{}, journey: &a}
		r.do(target(t, step.script), step.body)
		r.finish()
		if r.ex.Usage.Completion != step.want {
			t.Errorf("%+v: usage %+v, want %d", step.script.pieces[0][:15], r.ex.Usage, step.want)
		}
	}
}

// FuzzRelay: however a stream is cut, the client gets the same bytes, and only a stream with [DONE] ends well.
func FuzzRelay(f *testing.F) {
	f.Add(delta("a")+usageEvent+doneEvent, uint8(7))
	f.Add(": c\n\n"+delta("a")+"data: nope\n\n", uint8(1))
	f.Add(strings.ReplaceAll(delta("é")+doneEvent, "\n", "\r\n"), uint8(3))
	f.Fuzz(func(t *testing.T, text string, size uint8) {
		if len(text) == 0 || len(text) > 2000 {
			return
		}
		var pieces []string
		for rest := text; rest != ""; {
			n := min(int(size%37)+1, len(rest))
			pieces, rest = append(pieces, rest[:n]), rest[n:]
		}
		one, cut := start(t, chunks(text), stream).finish(), start(t, chunks(pieces...), stream).finish()
		if one.refused != nil || cut.refused != nil {
			// Cut, the first events may be on their way before the failure comes.
			return
		}
		if one.out.String() != cut.out.String() || (one.relay == nil) != (cut.relay == nil) || one.ex.Usage != cut.ex.Usage {
			t.Errorf("whole %q, %v; cut %q, %v", one.out.String(), one.relay, cut.out.String(), cut.relay)
		}
		if one.relay == nil && !strings.Contains(one.out.String(), dialect.Done) {
			t.Errorf("ended well without %s: %q", dialect.Done, one.out.String())
		}
	})
}
