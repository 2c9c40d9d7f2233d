// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package load

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/sparkgateway/spark/test/fakeprovider"
)

// hand is a Server and what it is turned on.
type hand struct {
	t        *testing.T
	url      string
	provider *fakeprovider.Server
}

func newHand(t *testing.T) *hand {
	t.Helper()
	provider := fakeprovider.New(fakeprovider.Options{APIKeys: []string{"good"}})
	if err := provider.Start("127.0.0.1:0"); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = provider.Close() })
	server := httptest.NewServer(NewServer().Handler())
	t.Cleanup(server.Close)
	return &hand{t, server.URL, provider}
}

// call makes a call, and gives its status; a nil body makes it a GET.
func (h *hand) call(path string, body, into any) int {
	h.t.Helper()
	method, sent := http.MethodGet, io.Reader(nil)
	if body != nil {
		encoded, err := json.Marshal(body)
		if err != nil {
			h.t.Fatal(err)
		}
		method, sent = http.MethodPost, bytes.NewReader(encoded)
	}
	req, err := http.NewRequestWithContext(h.t.Context(), method, h.url+path, sent)
	if err != nil {
		h.t.Fatal(err)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		h.t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	if resp.StatusCode == http.StatusOK {
		if err := json.NewDecoder(resp.Body).Decode(into); err != nil {
			h.t.Fatal(err)
		}
	}
	return resp.StatusCode
}

// until looks at a run until what it reports is as wanted.
func (h *hand) until(want func(Report) bool) Report {
	h.t.Helper()
	deadline := time.After(20 * time.Second)
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for {
		var report Report
		h.call("/runs/0", nil, &report)
		if want(report) {
			return report
		}
		select {
		case <-tick.C:
		case <-deadline:
			h.t.Fatalf("after 20 s: %+v", report)
		}
	}
}

func (h *hand) begin(spec Spec) {
	h.t.Helper()
	spec.Targets, spec.Model = []string{h.provider.URL()}, "fake-model"
	if spec.Key == "" {
		spec.Key = "good"
	}
	id := -1
	if status := h.call("/runs", spec, &id); status != http.StatusOK || id != 0 {
		h.t.Fatalf("begin: status %d, run %d", status, id)
	}
}

func ended(r Report) bool { return r.Total().Sent > 0 && r.Running == 0 }

func TestWhatBecameOfRequestsIsTold(t *testing.T) {
	for name, tc := range map[string]struct {
		spec     Spec
		ok       int
		broken   int
		statuses map[string]int
		sample   string
	}{
		"whole answers and streams": {spec: Spec{StreamEvery: 2, Steer: "tokens=2", SteerStream: "tokens=3"}, ok: 10},
		"refusals":                  {spec: Spec{Key: "bad"}, statuses: map[string]int{"401": 10}},
		"errors":                    {spec: Spec{Steer: "fault=status:503"}, statuses: map[string]int{"503": 10}, sample: "status 503"},
		"resets":                    {spec: Spec{Steer: "fault=reset-before-headers"}, broken: 10, sample: "stream=false"},
		"bodies that are cut":       {spec: Spec{Steer: "fault=truncate-body"}, broken: 10, sample: "unexpected EOF"},
		"bodies of something else":  {spec: Spec{Steer: "fault=html"}, broken: 10, sample: "not a chat's answer"},
		"streams that are cut":      {spec: Spec{StreamEvery: 1, SteerStream: "tokens=9 fault=truncate-stream"}, broken: 10, sample: "unexpected EOF"},
		"streams without their end": {spec: Spec{StreamEvery: 1, SteerStream: "tokens=9 fault=no-done"}, broken: 10, sample: "unexpected EOF"},
		"streams that fail":         {spec: Spec{StreamEvery: 1, SteerStream: "tokens=9 fault=error-event"}, broken: 10, sample: "an error event"},
	} {
		t.Run(name, func(t *testing.T) {
			h := newHand(t)
			tc.spec.Rate, tc.spec.Count = 500, 10
			h.begin(tc.spec)
			got := h.until(func(r Report) bool { return r.Total().Sent == 10 && ended(r) }).Total()
			if got.OK != tc.ok || got.Broken != tc.broken || len(got.Statuses) != len(tc.statuses) {
				t.Errorf("%+v", got)
			}
			for status, n := range tc.statuses {
				if got.Statuses[status] != n {
					t.Errorf("%d of status %s: %+v", got.Statuses[status], status, got)
				}
			}
			if !strings.Contains(strings.Join(got.Samples, "\n"), tc.sample) {
				t.Errorf("samples %q", got.Samples)
			}
			if tc.ok > 0 && (got.Streams != 5 || got.P50 == 0 || got.Max < got.P99 || got.LastOK.IsZero()) {
				t.Errorf("%+v", got)
			}
			if tc.statuses["401"] > 0 && got.FirstRefused.IsZero() {
				t.Error("no first refusal")
			}
		})
	}
}

func TestARunKeepsItsPaceUntilItIsStopped(t *testing.T) {
	h := newHand(t)
	start := time.Now()
	// Answers are slower than requests come, which must not slow these down.
	h.begin(Spec{Rate: 100, Steer: "fault=latency:300ms"})
	h.until(func(r Report) bool { return r.Total().Sent >= 50 })
	if took := time.Since(start); took < 400*time.Millisecond || took > 5*time.Second {
		t.Errorf("50 requests at 100 a second took %s", took)
	}
	var stopped Report
	h.call("/runs/0/stop", struct{}{}, &stopped)
	got := h.until(ended).Total()
	if got.OK != got.Sent || got.Sent > stopped.Total().Sent+1 {
		t.Errorf("stopped at %d: %+v", stopped.Total().Sent, got)
	}
}

func TestHeadersGoWithEachRequest(t *testing.T) {
	h := newHand(t)
	h.begin(Spec{Rate: 500, Count: 3, Steer: "tokens=1", Headers: map[string]string{"X-Tier": "gold"}})
	h.until(func(r Report) bool { return r.Total().OK == 3 })
	for _, record := range h.provider.Records() {
		if got := record.Headers.Get("X-Tier"); got != "gold" || record.Status != http.StatusOK {
			t.Errorf("X-Tier is %q, status %d", got, record.Status)
		}
	}
}

func TestACutBreaksOffWhatIsUnderWay(t *testing.T) {
	h := newHand(t)
	h.begin(Spec{Rate: 500, Count: 5, StreamEvery: 1, SteerStream: "tokens=1000 delay=10ms", Halfway: 5, Fresh: true})
	h.until(func(r Report) bool { return r.Total().Halfway == 5 })
	var cut Moment
	h.call("/runs/0/cut", struct{}{}, &cut)
	if got := h.until(ended).Total(); got.Broken != 5 {
		t.Errorf("%+v", got)
	}
	if since := time.Since(cut.At); since < 0 || since > time.Minute {
		t.Errorf("cut at %s", cut.At)
	}
}

func TestQuestionsAreAnsweredInOrder(t *testing.T) {
	h := newHand(t)
	var answers []Answer
	h.call("/ask", []Question{
		{Method: "GET", URL: h.provider.URL() + "/livez"},
		{Method: "GET", URL: "http://127.0.0.1:1/"},
		{Method: "POST", URL: h.provider.URL() + "/v1/chat/completions", Body: Chat("fake-model", "tokens=1", false),
			Headers: map[string]string{"Authorization": "Bearer good"}},
	}, &answers)
	if len(answers) != 3 || answers[0].Body != "ok\n" || answers[1].Error == "" || answers[2].Status != 200 ||
		answers[2].Headers.Get("Content-Type") != "application/json" {
		t.Errorf("%+v", answers)
	}
}

func TestAQuestionMayCarryWhatIsNoText(t *testing.T) {
	h := newHand(t)
	var answers []Answer
	h.call("/ask", []Question{{
		Method: "POST", URL: h.provider.URL() + "/v1/chat/completions", Bytes: []byte{0x1f, 0x8b, 0, 0xff},
		Headers: map[string]string{"Authorization": "Bearer good"},
	}}, &answers)
	if records := h.provider.Records(); len(answers) != 1 || answers[0].Status != 400 || len(records) != 1 || records[0].BodyBytes != 4 {
		t.Errorf("%+v, the provider received %+v", answers, records)
	}
}

func TestWhatIsAskedWronglyIsRefused(t *testing.T) {
	h := newHand(t)
	for path, body := range map[string]any{"/runs/0": nil, "/runs/x/stop": struct{}{}, "/ask": "no list", "/signal": Signal{}} {
		if status := h.call(path, body, nil); status/100 != 4 {
			t.Errorf("%s: status %d", path, status)
		}
	}
}

func TestASignalFindsItsPodsProcesses(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("there is no /proc")
	}
	command := exec.CommandContext(t.Context(), "sleep", "60")
	command.Env = []string{"A=b", "POD_UID=1234-5678", "C=d"}
	if err := command.Start(); err != nil {
		t.Fatal(err)
	}
	h := newHand(t)
	var done Moment
	if status := h.call("/signal", Signal{PodUID: "1234-5678", Number: SignalKill}, &done); status != http.StatusOK || !slices.Equal(done.PIDs, []int{command.Process.Pid}) {
		t.Errorf("status %d, %+v, want process %d", status, done, command.Process.Pid)
	}
	if err := command.Wait(); err == nil || !strings.Contains(err.Error(), "killed") {
		t.Errorf("the process ends with %v", err)
	}
	if status := h.call("/signal", Signal{PodUID: "1234-5678", Number: SignalKill}, &done); status != http.StatusUnprocessableEntity {
		t.Errorf("status %d for a pod without processes", status)
	}
}

func TestAPodsNameIsMatchedWhole(t *testing.T) {
	proc := t.TempDir()
	for pid, environment := range map[string]string{
		"11": "POD_UID=abc\x00", "12": "X=1\x00POD_UID=abc\x00Y=2\x00", "13": "POD_UID=abcd\x00", "14": "NOT_POD_UID=abc\x00", "self": "POD_UID=abc\x00",
	} {
		if err := os.Mkdir(filepath.Join(proc, pid), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(proc, pid, "environ"), []byte(environment), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	pids, err := processesOf(proc, "abc")
	if err != nil || !slices.Equal(pids, []int{11, 12}) {
		t.Errorf("%v, %v", pids, err)
	}
}

func TestQuantiles(t *testing.T) {
	list := []time.Duration{1, 2, 3, 4}
	for share, want := range map[float64]time.Duration{0: 1, 0.25: 1, 0.5: 2, 0.51: 3, 0.99: 4, 1: 4} {
		if got := Quantile(list, share); got != want {
			t.Errorf("%g: %d, want %d", share, got, want)
		}
	}
	if got := Quantile(nil, 0.5); got != 0 {
		t.Errorf("of nothing: %d", got)
	}
}

func TestAPageIsServedUntilItIsTakenAway(t *testing.T) {
	h := newHand(t)
	for _, tc := range []struct {
		body   string
		status int
	}{{`{"keys":[]}`, http.StatusOK}, {`{"keys":[1]}`, http.StatusOK}, {"", http.StatusNotFound}} {
		if status := h.call("/pages", Page{Path: "issuer/keys", Body: tc.body}, new(Moment)); status != http.StatusOK {
			t.Fatalf("publish: status %d", status)
		}
		var got json.RawMessage
		if status := h.call("/pages/issuer/keys", nil, &got); status != tc.status || string(got) != tc.body {
			t.Errorf("status %d and %s, want %d and %s", status, got, tc.status, tc.body)
		}
	}
}
