// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

// Package sdk runs the official Go SDKs through a gateway, as the folder js does with those of JavaScript: only base
// URL and key are Spark's. The script run starts the gateway and the fake provider, and matrix makes a page of results.
package sdk

import (
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"regexp"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/sparkgateway/spark/test/sdk/expected"
)

// environment is what the script tells.
var environment = struct{ url, provider, results, good, wrong string }{
	os.Getenv("SPARK_URL"), os.Getenv("SPARK_PROVIDER"), os.Getenv("SPARK_RESULTS"),
	os.Getenv("SPARK_API_KEY"), os.Getenv("SPARK_WRONG_KEY"),
}

var only = regexp.MustCompile(os.Getenv("SPARK_ONLY"))

// status gives the status of an SDK's own error and what the gateway said in it; 0 where it is another error.
type status func(err error) (code int, said string)

// cell runs one cell and writes down what came of it. A refusal is the SDK's own error, with the status and the words
// that are expected.
func cell(t *testing.T, sdk *client, feature, provider string, expect *expected.Matrix, run func(*testing.T) error) {
	t.Helper()
	err := run(t)
	refusal, refused := expect.Refusal(sdk.dialect, feature, provider)
	switch {
	case t.Failed():
		return
	case !refused && err != nil:
		t.Fatal(err)
	case refused && err == nil:
		t.Fatalf("expected to be refused: %s", refusal.Reason)
	case refused:
		got, said := sdk.status(err)
		if got != refusal.Status || !regexp.MustCompile(refusal.Says).MatchString(said) {
			t.Fatalf("expected a %d of the SDK that says %q: %v %s", refusal.Status, refusal.Says, err, said)
		}
	}
	write(t, expected.Result{
		Dialect: sdk.dialect, SDK: sdk.name, Feature: feature, Provider: provider,
		Result: map[bool]string{false: expected.Passed, true: expected.Refused}[refused],
	})
}

var writing sync.Mutex

func write(t *testing.T, r expected.Result) {
	t.Helper()
	writing.Lock()
	defer writing.Unlock()
	file, err := os.OpenFile(environment.results+"/go.jsonl", os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
	if err == nil {
		err = json.NewEncoder(file).Encode(r)
	}
	if err == nil {
		err = file.Close()
	}
	if err != nil {
		t.Fatal(err)
	}
}

var serial atomic.Int64

// tagged makes a question that no other cell asks, so that its requests are found among the provider's records.
func tagged(sdk *client, text string) (tag, tagged string) {
	tag = fmt.Sprintf("go-%s-%d-%d.", sdk.dialect, os.Getpid(), serial.Add(1))
	return tag, text + " (" + tag + ")"
}

// record is what the fake provider tells of a request.
type record struct {
	Body      string    `json:"body"`
	StartedAt time.Time `json:"startedAt"`
}

var recorded struct {
	sync.Mutex
	asked time.Time
	all   []record
}

// records gives the requests that reached the provider with a tag. Those who ask at the same time share an answer, which
// was begun after they asked.
func records(t *testing.T, tag string) []record {
	t.Helper()
	now := time.Now()
	recorded.Lock()
	defer recorded.Unlock()
	if !recorded.asked.After(now) {
		recorded.asked = time.Now()
		response, err := http.Get(environment.provider + "/fake/records")
		if err != nil {
			t.Fatal(err)
		}
		var answer struct {
			Records []record `json:"records"`
		}
		err = json.NewDecoder(response.Body).Decode(&answer)
		if closed := response.Body.Close(); err != nil || closed != nil {
			t.Fatal(err, closed)
		}
		recorded.all = answer.Records
	}
	return slices.DeleteFunc(slices.Clone(recorded.all), func(r record) bool { return !strings.Contains(r.Body, tag) })
}

func TestEveryScenarioWithEveryProvider(t *testing.T) {
	if environment.url == "" || environment.results == "" {
		t.Fatal("SPARK_URL and SPARK_RESULTS are not set: run test/sdk/run")
	}
	expect, err := expected.Read("expected.json")
	if err != nil {
		t.Fatal(err)
	}
	for _, sdk := range []*client{openAIChat(), openAIResponses(), anthropicMessages()} {
		for _, s := range scenarios {
			if slices.Contains(expect.Dialect(sdk.dialect).Lacks, s.feature) {
				continue
			}
			for _, provider := range expect.Providers {
				name := sdk.dialect + " / " + provider.Name + " / " + s.feature
				if !only.MatchString(name) {
					continue
				}
				t.Run(name, func(t *testing.T) {
					t.Parallel()
					cell(t, sdk, s.feature, provider.Name, expect, func(t *testing.T) error { return s.run(t, sdk, provider.Name) })
				})
			}
		}
	}
}
