// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package ledger

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/sparkgateway/spark/gateway/config"
)

// receiver takes what sinks send, and answers as told.
type receiver struct {
	*httptest.Server
	mu      sync.Mutex
	bodies  []string
	headers []http.Header
	// statuses are of the first calls; the others are taken.
	statuses []int
	reply    string
}

func receive(t testing.TB, statuses ...int) *receiver {
	t.Helper()
	r := &receiver{statuses: statuses}
	r.Server = httptest.NewServer(r)
	t.Cleanup(r.Close)
	return r
}

func (r *receiver) ServeHTTP(w http.ResponseWriter, req *http.Request) {
	body, _ := io.ReadAll(req.Body)
	r.mu.Lock()
	defer r.mu.Unlock()
	status := http.StatusOK
	if len(r.statuses) > 0 {
		status, r.statuses = r.statuses[0], r.statuses[1:]
	}
	if status/100 == 2 {
		r.bodies, r.headers = append(r.bodies, string(body)), append(r.headers, req.Header)
	}
	w.Header().Set("Location", "/elsewhere")
	w.WriteHeader(status)
	_, _ = io.WriteString(w, r.reply)
}

// got gives the ids of the records that were taken.
func (r *receiver) got(t testing.TB) []string {
	t.Helper()
	r.mu.Lock()
	defer r.mu.Unlock()
	var all []string
	for _, body := range r.bodies {
		for line := range strings.Lines(body) {
			record, err := Parse([]byte(line))
			if err != nil {
				t.Fatal(err)
			}
			all = append(all, record.ID)
		}
	}
	return all
}

func within(t testing.TB, what string, ok func() bool) {
	t.Helper()
	for deadline := time.Now().Add(time.Minute); !ok(); <-time.After(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("not in time: %s", what)
		}
	}
}

// sending is a sink to a receiver, what it dropped, and its log.
type sending struct {
	*Sink
	dropped atomic.Int64
	log     bytes.Buffer
}

func send(t testing.TB, f Format, to Target) *sending {
	t.Helper()
	s := &sending{}
	s.Sink = NewSink(SinkOptions{
		Format: f, Logger: slog.New(slog.NewTextHandler(&s.log, nil)), Dropped: func(n int) { s.dropped.Add(int64(n)) },
	})
	s.Use(to)
	t.Cleanup(func() {
		ctx, cancel := context.WithCancel(context.Background())
		cancel()
		s.Close(ctx)
	})
	return s
}

func TestAWebhookGetsLines(t *testing.T) {
	r := receive(t)
	s := send(t, JSONLines, Target{URL: r.URL + "/hook?token=t0k3n", Authorization: config.NewSecret("Bearer s3cr3t")})
	var want []string
	for i := range 1200 {
		want = append(want, fmt.Sprint(i))
		s.Send(at(want[i], noon))
	}
	s.Close(t.Context())
	if diff := cmp.Diff(want, r.got(t)); diff != "" {
		t.Error(diff)
	}
	for i, h := range r.headers {
		if h.Get("Authorization") != "Bearer s3cr3t" || h.Get("Content-Type") != "application/x-ndjson" {
			t.Error(h)
		}
		if n := strings.Count(r.bodies[i], "\n"); n > maxBatch {
			t.Errorf("%d records at once", n)
		}
	}
	if s.dropped.Load() != 0 {
		t.Errorf("%d dropped", s.dropped.Load())
	}
	s.Send(at("late", noon))
	if s.dropped.Load() != 1 {
		t.Errorf("after Close: %d dropped", s.dropped.Load())
	}
}

func TestASinkTriesAgain(t *testing.T) {
	for name, tt := range map[string]struct {
		statuses []int
		want     []string
		dropped  int64
	}{
		"an error of the receiver":     {[]int{500, 503}, []string{"a"}, 0},
		"too many requests":            {[]int{429}, []string{"a"}, 0},
		"a time-out of the receiver":   {[]int{408}, []string{"a"}, 0},
		"a refusal is not tried again": {[]int{400}, nil, 1},
		"nor what it does not know":    {[]int{404}, nil, 1},
		"nor a redirect":               {[]int{307}, nil, 1},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := receive(t, tt.statuses...)
			s := send(t, JSONLines, Target{URL: r.URL})
			s.Send(at("a", noon))
			within(t, "it was delivered or dropped", func() bool { return len(r.got(t))+int(s.dropped.Load()) == 1 })
			if diff := cmp.Diff(tt.want, r.got(t)); diff != "" || s.dropped.Load() != tt.dropped {
				t.Errorf("%s, %d dropped", diff, s.dropped.Load())
			}
		})
	}
}

func TestAChangeOfTargetKeepsTheQueue(t *testing.T) {
	down := httptest.NewServer(nil)
	down.Close() // nobody listens
	r := receive(t)
	s := send(t, JSONLines, Target{URL: down.URL})
	for _, id := range []string{"a", "b"} {
		s.Send(at(id, noon))
	}
	within(t, "it was tried", func() bool {
		s.Sink.log.mu.Lock()
		defer s.Sink.log.mu.Unlock()
		return !s.Sink.log.last.IsZero()
	})
	s.Send(at("c", noon))
	s.Use(Target{URL: r.URL})
	s.Send(at("d", noon))
	within(t, "all came", func() bool { return len(r.got(t)) == 4 })
	if diff := cmp.Diff([]string{"a", "b", "c", "d"}, r.got(t)); diff != "" || s.dropped.Load() != 0 {
		t.Errorf("%s, %d dropped", diff, s.dropped.Load())
	}
	s.Use(Target{})
	s.Send(at("e", noon))
	s.Close(t.Context())
	if len(r.got(t)) != 4 || s.dropped.Load() != 0 {
		t.Errorf("without a target: %v, %d dropped", r.got(t), s.dropped.Load())
	}
}

func TestWhatWaitsForNobodyIsDroppedAndCounted(t *testing.T) {
	down := httptest.NewServer(nil)
	down.Close()
	s := send(t, JSONLines, Target{URL: down.URL + "/hook?token=t0k3n", Authorization: config.NewSecret("s3cr3t")})
	line := at(strings.Repeat("x", 32), noon)
	sent := int64(0)
	for ; sent*int64(len(line)) < 4*maxPending; sent++ {
		s.Send(line)
	}
	if n := s.dropped.Load(); n < sent/4 || n > sent {
		t.Errorf("%d of %d dropped", n, sent)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	s.Close(ctx)
	if n := s.dropped.Load(); n != sent {
		t.Errorf("in the end %d of %d dropped", n, sent)
	}
	if log := s.log.String(); !strings.Contains(log, "usage records were not sent") || strings.Contains(log, "t0k3n") || strings.Contains(log, "s3cr3t") {
		t.Error(log)
	}
}

func TestOTLP(t *testing.T) {
	r := receive(t)
	r.reply = `{"partialSuccess":{"rejectedLogRecords":"1","errorMessage":"no"}}`
	s := send(t, OTLPLogs("team/main", "v1.2.3", func() time.Time { return noon }), Target{URL: r.URL + "/v1/logs"})
	full := example()
	s.Send(AppendJSON(nil, &full))
	s.Send(at("b", noon))
	s.Close(t.Context())
	if len(r.bodies) != 1 || r.headers[0].Get("Content-Type") != "application/json" || s.dropped.Load() != 1 {
		t.Fatalf("%d bodies, %d dropped", len(r.bodies), s.dropped.Load())
	}
	type value struct {
		StringValue, IntValue *string
		BoolValue             *bool
		ArrayValue            *struct {
			Values []struct{ StringValue string }
		}
	}
	type attribute struct {
		Key   string
		Value value
	}
	var told struct {
		ResourceLogs []struct {
			Resource  struct{ Attributes []attribute }
			ScopeLogs []struct {
				Scope      struct{ Name string }
				LogRecords []struct {
					TimeUnixNano, ObservedTimeUnixNano, SeverityText, EventName string
					SeverityNumber                                              int
					Body                                                        value
					Attributes                                                  []attribute
				}
			}
		}
	}
	decoder := json.NewDecoder(strings.NewReader(r.bodies[0]))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&told); err != nil {
		t.Fatal(err, r.bodies[0])
	}
	text := func(all []attribute) (got []string) {
		for _, a := range all {
			encoded, err := json.Marshal(a.Value)
			if err != nil {
				t.Fatal(err)
			}
			line := string(encoded)
			for _, none := range []string{`"StringValue":null`, `"IntValue":null`, `"BoolValue":null`, `"ArrayValue":null`} {
				line = strings.ReplaceAll(line, none, "")
			}
			got = append(got, a.Key+" "+strings.Trim(line, "{},"))
		}
		slices.Sort(got)
		return got
	}
	resource := told.ResourceLogs[0]
	if diff := cmp.Diff([]string{
		`service.name "StringValue":"spark-gateway"`, `service.version "StringValue":"v1.2.3"`, `spark.gateway "StringValue":"team/main"`,
	}, text(resource.Resource.Attributes)); diff != "" {
		t.Error(diff)
	}
	logs := resource.ScopeLogs[0].LogRecords
	if len(logs) != 2 || logs[0].TimeUnixNano != fmt.Sprint(full.Ended().UnixNano()) || logs[0].ObservedTimeUnixNano != fmt.Sprint(noon.UnixNano()) ||
		logs[0].SeverityNumber != 9 || logs[0].SeverityText != "INFO" || *logs[0].Body.StringValue != full.ID || logs[0].EventName != "spark.usage" {
		t.Errorf("%+v", logs)
	}
	if diff := cmp.Diff([]string{
		`error.type "StringValue":"upstream_reset"`, `gen_ai.operation.name "StringValue":"chat"`, `gen_ai.request.model "StringValue":"smart"`,
		`gen_ai.usage.cache_creation.input_tokens "IntValue":"100"`, `gen_ai.usage.cache_read.input_tokens "IntValue":"1000"`,
		`gen_ai.usage.input_tokens "IntValue":"1200"`, `gen_ai.usage.output_tokens "IntValue":"34"`,
		`gen_ai.usage.reasoning.output_tokens "IntValue":"12"`, `http.response.status_code "IntValue":"502"`,
		`spark.attempts "IntValue":"2"`, `spark.bytes_in "IntValue":"4096"`, `spark.bytes_out "IntValue":"512"`, `spark.cache "StringValue":"miss"`,
		`spark.cache.cost_saved "StringValue":"0.0015"`, `spark.cache.tokens_saved "IntValue":"55"`,
		`spark.cost "StringValue":"0.004215"`, `spark.dialect "StringValue":"anthropic"`, `spark.findings "StringValue":"prompt_injection, pii"`,
		`spark.first_token_ms "IntValue":"95"`,
		`spark.key "StringValue":"team/alice"`, `spark.latency_ms "IntValue":"881"`, `spark.operation "StringValue":"chat"`,
		`spark.outcome "StringValue":"provider_failed"`,
		`spark.policies "ArrayValue":{"Values":[{"StringValue":"team/all"},{"StringValue":"team/search"}]`, `spark.priced "BoolValue":true`,
		`spark.principal "StringValue":"key/team/alice"`, `spark.provider "StringValue":"team/openai"`, `spark.route "StringValue":"team/smart"`,
		`spark.shadowed "StringValue":"policy team/search budget"`, `spark.stream "BoolValue":true`, `spark.team "StringValue":"search"`,
		`spark.upstream_model "StringValue":"gpt-4o"`, `spark.usage.source "StringValue":"reported"`, `spark.user "StringValue":"alice"`,
	}, text(logs[0].Attributes)); diff != "" {
		t.Error(diff)
	}
}

func TestOperationNames(t *testing.T) {
	for operation, want := range map[string]string{"chat": "chat", "embeddings": "embeddings", "completions": "text_completion", "speech": ""} {
		if got := operationName(operation); got != want {
			t.Errorf("%s: %q", operation, got)
		}
	}
}

func TestRejectedLogs(t *testing.T) {
	for reply, want := range map[string]int{
		"": 0, "{}": 0, "<": 0, `{"partialSuccess":{}}`: 0, `{"partialSuccess":{"rejectedLogRecords":3}}`: 3, `{"partialSuccess":{"rejectedLogRecords":"2"}}`: 2,
	} {
		if got := rejectedLogs([]byte(reply)); got != want {
			t.Errorf("%s: %d", reply, got)
		}
	}
}

func TestRetryAfter(t *testing.T) {
	for text, want := range map[string]time.Duration{"": 0, "5": 5 * time.Second, "-1": 0, "99999": time.Minute, "Wed, 21 Oct 2026 07:28:00 GMT": 0} {
		if got := retryAfter(text); got != want {
			t.Errorf("%q: %s", text, got)
		}
	}
}
