// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package dataplane

import (
	"context"
	"io"
	"maps"
	"slices"
	"testing"

	"github.com/sparkgateway/spark/gateway/config"
	"github.com/sparkgateway/spark/test/fakeprovider"
)

// allTypes are the types of providers, in order.
var allTypes = slices.Sorted(maps.Keys(providerTypes))

// For each pair of dialects the spend of a stream is that of the whole answer, to the client and in the log.
func TestStreamedSpendIsNotRecordedAsZero(t *testing.T) {
	everyPair(t, allTypes, func(t *testing.T, s *setup, a application, _ config.ProviderType) {
		const text = "Say something. [[fake tokens=23]]"
		whole, stream := s.do(s.ask(a, text, false)), s.do(s.ask(a, text, true))
		for _, got := range []answer{whole, stream} {
			if got.StatusCode != 200 || got.err != nil {
				t.Fatalf("status %d, error %v: %.300s", got.StatusCode, got.err, got.body)
			}
		}
		want, told := heard(t, a, whole.body, false), heard(t, a, stream.body, true)
		if want.completion != 23 || want.prompt == 0 || want.text == "" {
			t.Errorf("the whole answer says %+v", want)
		}
		if want.usages = told.usages; want != told {
			t.Errorf("streamed %+v\\nwhole    %+v", told, want)
		}
		streamLine, wholeLine := s.logged(stream), s.logged(whole)
		if wholeLine.Usage == nil || streamLine.Usage == nil || *wholeLine.Usage != *streamLine.Usage {
			t.Fatalf("the log says %+v of the stream, %+v of the whole", streamLine.Usage, wholeLine.Usage)
		}
		if u := streamLine.Usage; u.Source != "reported" || u.Prompt != told.prompt || u.Completion != told.completion {
			t.Errorf("the log says %+v, the stream %+v", u, told)
		}
	})
}

// A provider that does not tell is not free: what came is estimated.
func TestStreamedSpendThatNobodyTellsIsEstimated(t *testing.T) {
	everyPair(t, allTypes, func(t *testing.T, s *setup, a application, _ config.ProviderType) {
		answers := map[string]answer{}
		for _, fault := range []string{"no-usage", "bad-usage"} {
			answers[fault] = s.do(s.ask(a, "Say something. [[fake tokens=23 fault="+fault+"]]", true))
		}
		for fault, got := range answers {
			l := s.logged(got)
			if got.StatusCode != 200 || l.Usage == nil {
				t.Fatalf("%s: status %d, usage %+v: %.300s", fault, got.StatusCode, l.Usage, got.body)
			}
			if u := l.Usage; u.Source != "estimated" || u.Completion < 20 || u.Prompt == 0 || u.Total != u.Prompt+u.Completion {
				t.Errorf("%s: the log says %+v", fault, u)
			}
		}
	})
}

// leaveAfter reads some bytes of a stream and goes. The answer is what was known then.
func (s *setup) leaveAfter(a application, text string, bytes int64) answer {
	s.t.Helper()
	ctx, leave := context.WithCancel(s.t.Context())
	defer leave()
	resp, err := s.client.Do(s.ask(a, text, true).WithContext(ctx))
	if err != nil {
		s.t.Fatal(err)
	}
	if _, err := io.CopyN(io.Discard, resp.Body, bytes); err != nil {
		s.t.Errorf("status %d: %v", resp.StatusCode, err)
	}
	leave()
	_ = resp.Body.Close()
	return answer{Response: resp}
}

// A client that leaves pays for what was made for it: no less than it read, no more than the provider made.
func TestUsageIsNotLostWhenAClientDisconnects(t *testing.T) {
	everyPair(t, wires, func(t *testing.T, s *setup, a application, _ config.ProviderType) {
		l := s.logged(s.leaveAfter(a, "Say much. [[fake tokens=400 delay=4ms]]", 6000))
		if l.Outcome != "client_gone" || l.Usage == nil || l.Usage.Prompt == 0 {
			t.Fatalf("access log %+v, usage %+v", l, l.Usage)
		}
		if l.Usage.Source != "reported" && l.Usage.Source != "estimated" {
			t.Errorf("usage %+v", l.Usage)
		}
		records := s.provider.Records()
		made := int64(records[len(records)-1].CompletionTokens)
		if c := l.Usage.Completion; c < 8 || c > 2*made {
			t.Errorf("%d tokens in the log, %d made", c, made)
		}
		if l.Usage.Total != l.Usage.Prompt+l.Usage.Completion {
			t.Errorf("usage %+v", l.Usage)
		}
	})
}

// Where a provider tells the usage at the beginning only, a stream that is cut has more than that.
func TestUsageThatWasToldTooEarlyIsCompleted(t *testing.T) {
	for name, tc := range map[string]struct {
		application string
		kind        config.ProviderType
	}{
		"passed through": {"anthropic", config.Anthropic},
		"translated":     {"chat", config.Anthropic},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := start(t, to(t, tc.kind))
			l := s.logged(s.do(s.ask(applications[tc.application], "Say much. [[fake tokens=90 delay=1ms fault=reset-mid-stream:60]]", true)))
			made := int64(s.record(fakeprovider.Faulted).CompletionTokens)
			if u := l.Usage; u == nil || u.Source != "estimated" || u.Completion < made/2 || u.Completion > made*2 {
				t.Errorf("usage %+v, of %d tokens that were made", u, made)
			}
		})
	}
}
