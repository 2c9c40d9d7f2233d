// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package sdk

import (
	"reflect"
	"slices"
	"testing"
	"time"
)

func embeddings(count int, dimensions int64) func(*testing.T, *client, string) error {
	return func(t *testing.T, sdk *client, provider string) error {
		vectors, err := sdk.embed(t.Context(), provider+"-embed", []string{"one text", "another text"}[:count], dimensions)
		if err != nil {
			return err
		}
		if len(vectors) != count || len(vectors[0]) <= 16 || dimensions > 0 && len(vectors[0]) != int(dimensions) {
			t.Fatalf("vectors: %v", vectors)
		}
		if count > 1 && reflect.DeepEqual(vectors[0], vectors[1]) {
			t.Error("different texts have the same vector")
		}
		return nil
	}
}

func counting(t *testing.T, sdk *client, provider string) error {
	_, text := tagged(sdk, "How long is this?")
	q := question{model: provider, turns: user(text)}
	counted, err := sdk.count(t.Context(), q)
	if err != nil {
		return err
	}
	if got, err := sdk.patient(t, q); err != nil || got.prompt != counted {
		t.Errorf("%v: counted %d, the answer says %d", err, counted, got.prompt)
	}
	return nil
}

func listing(t *testing.T, sdk *client, provider string) error {
	names, err := sdk.list(t.Context())
	if err != nil {
		return err
	}
	for _, name := range []string{provider, provider + "-embed"} {
		if !slices.Contains(names, name) {
			t.Errorf("%s is not among %v", name, names)
		}
	}
	if name, err := sdk.retrieve(t.Context(), provider); err != nil || name != provider {
		t.Errorf("%v: %s", err, name)
	}
	return nil
}

// fails asks what goes wrong and gives the requests that the provider saw. The error must be the SDK's own, with the
// status, or with any of 500 and above where that is 500.
func fails(t *testing.T, sdk *client, provider, key, fault string, want int) []record {
	t.Helper()
	if fault != "" {
		fault = " fault=" + fault
	}
	tag, text := tagged(sdk, "Fail. [[fake tokens=20 delay=3ms"+fault+"]]")
	_, err := sdk.ask(t.Context(), key, true, question{model: provider, turns: user(text)}, false)
	got, _ := sdk.status(err)
	if got != want && (want != 500 || got < 500) {
		t.Errorf("%s: %v, want a %d of the SDK's", fault, err, want)
	}
	return records(t, tag)
}

func wrongKey(t *testing.T, sdk *client, provider string) error {
	if seen := fails(t, sdk, provider, environment.wrong, "", 401); len(seen) > 0 {
		t.Error("the provider was asked")
	}
	return nil
}

func unknownModel(t *testing.T, sdk *client, provider string) error {
	if seen := fails(t, sdk, provider+"-unknown", environment.good, "", 404); len(seen) > 0 {
		t.Error("the provider was asked")
	}
	return nil
}

// attempts are what these SDKs make unless they are told otherwise.
const attempts = 3

func rateLimit(t *testing.T, sdk *client, provider string) error {
	seen := fails(t, sdk, provider+"-limited-go-"+sdk.dialect, environment.good, "rate-limit:1s", 429)
	if len(seen) != attempts {
		t.Errorf("%d requests, want %d", len(seen), attempts)
	}
	for i := 1; i < len(seen); i++ {
		if waited := seen[i].StartedAt.Sub(seen[i-1].StartedAt); waited < 990*time.Millisecond || waited > 5*time.Second {
			t.Errorf("retried after %s, told to wait for 1s", waited)
		}
	}
	return nil
}

func failure(t *testing.T, sdk *client, provider string) error {
	faults := []string{"status:500", "status:503"}
	if provider == "anthropic" {
		faults = append(faults, "status:529") // Anthropic's own
	}
	for _, fault := range faults {
		t.Run(fault, func(t *testing.T) {
			if seen := fails(t, sdk, provider, environment.good, fault, 500); len(seen) != attempts {
				t.Errorf("%d requests, want %d", len(seen), attempts)
			}
		})
	}
	return nil
}

func refused(t *testing.T, sdk *client, provider string) error {
	if seen := fails(t, sdk, provider, environment.good, "status:400", 400); len(seen) != 1 {
		t.Errorf("%d requests: what is refused is not asked again", len(seen))
	}
	return nil
}

// unclean wants an error from a stream that has gone wrong. What Go's SDKs make of one has no status.
func unclean(t *testing.T, sdk *client, provider string, faults ...string) error {
	t.Helper()
	for _, fault := range faults {
		_, text := tagged(sdk, "Fail. [[fake tokens=20 delay=3ms fault="+fault+"]]")
		if got, err := sdk.streamed(t, question{model: provider, turns: user(text)}); err == nil {
			t.Errorf("%s: the stream ended as if it were whole: %+v", fault, got)
		}
	}
	return nil
}

func brokenStream(t *testing.T, sdk *client, provider string) error {
	return unclean(t, sdk, provider, "reset-mid-stream:5", "truncate-stream:5", "no-done")
}

func errorEvent(t *testing.T, sdk *client, provider string) error {
	return unclean(t, sdk, provider, "error-event:5")
}
