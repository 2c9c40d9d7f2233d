// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package config_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"time"

	"sigs.k8s.io/yaml"

	"github.com/sparkgateway/spark/gateway/config"
)

func TestASecretDoesNotShowItself(t *testing.T) {
	const canary = "sk-canary"
	secret := config.NewSecret(canary)
	type open struct{ Secret config.Secret }
	type closed struct{ secret config.Secret }
	values := map[string]any{
		"itself":                 secret,
		"behind a pointer":       &secret,
		"in an exported field":   open{secret},
		"in an unexported field": closed{secret},
		"in a pointer's field":   &closed{secret},
		"in a map":               map[string]config.Secret{"a": secret},
		"in a slice":             []config.Secret{secret},
		"in a document":          &config.Document{Secrets: map[string]config.Secret{"a": secret}},
		"in a nested document":   []any{struct{ d config.Document }{config.Document{Secrets: map[string]config.Secret{"a": secret}}}},
	}
	for where, v := range values {
		t.Run(where, func(t *testing.T) {
			for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%X", "%d", "%10v", "%T", "%p", "%w"} {
				wantRedacted(t, verb, fmt.Sprintf(verb, v))
			}
			text, err := json.Marshal(v)
			if err != nil {
				t.Fatal(err)
			}
			wantRedacted(t, "JSON", string(text))
			if text, err = yaml.Marshal(v); err != nil {
				t.Fatal(err)
			}
			wantRedacted(t, "YAML", string(text))
			wantRedacted(t, "an error", fmt.Errorf("oh: %w", errors.New(fmt.Sprint(v))).Error())
			for name, handler := range map[string]func(*bytes.Buffer) slog.Handler{
				"slog's text": func(b *bytes.Buffer) slog.Handler { return slog.NewTextHandler(b, nil) },
				"slog's JSON": func(b *bytes.Buffer) slog.Handler { return slog.NewJSONHandler(b, nil) },
			} {
				var b bytes.Buffer
				slog.New(handler(&b)).Info("configured", "value", v, slog.Group("group", "value", v))
				wantRedacted(t, name, b.String())
			}
		})
	}
	if got := secret.Reveal(); got != canary {
		t.Errorf("Reveal gives %q", got)
	}
	if got := (config.Secret{}).Reveal(); got != "" {
		t.Errorf("the zero value reveals %q", got)
	}
	if got := fmt.Sprint(secret); got != "[redacted]" {
		t.Errorf("it shows itself as %q", got)
	}
}

// wantRedacted looks for the canary as it is and in hex.
func wantRedacted(t *testing.T, how, got string) {
	t.Helper()
	const canary = "sk-canary"
	for _, form := range []string{canary, fmt.Sprintf("%x", canary), fmt.Sprintf("%d", []byte(canary))} {
		if strings.Contains(strings.ToLower(got), form) {
			t.Errorf("%s shows it: %s", how, got)
		}
	}
}

func TestDigestRoundTrip(t *testing.T) {
	want := config.DigestKey("a key")
	text, err := want.MarshalText()
	if err != nil {
		t.Fatal(err)
	}
	var got config.Digest
	if err := got.UnmarshalText(text); err != nil || got != want {
		t.Errorf("%s becomes %s, %v", want, got, err)
	}
	if string(text) != want.String() || strings.ContainsAny(string(text), "+/=") {
		t.Errorf("text %s", text)
	}
	for name, text := range map[string]string{
		"nothing": "", "too short": want.String()[:40], "too long": want.String() + "AAAA", "another alphabet": strings.Repeat("+", 43),
	} {
		if err := got.UnmarshalText([]byte(text)); err == nil {
			t.Errorf("%s is taken for a digest", name)
		}
	}
}

func TestDurationRoundTrip(t *testing.T) {
	for text, want := range map[string]time.Duration{"1m30s": 90 * time.Second, "250ms": 250 * time.Millisecond, "24h": 24 * time.Hour} {
		var d config.Duration
		if err := json.Unmarshal([]byte(`"`+text+`"`), &d); err != nil || d.Std() != want {
			t.Errorf("%s is read as %s, %v", text, d, err)
		}
		again, err := json.Marshal(d)
		if err != nil {
			t.Fatal(err)
		}
		var twice config.Duration
		if err := json.Unmarshal(again, &twice); err != nil || twice != d {
			t.Errorf("%s becomes %s", text, again)
		}
	}
	var d config.Duration
	for _, text := range []string{`"soon"`, `""`, `5`} {
		if err := json.Unmarshal([]byte(text), &d); err == nil {
			t.Errorf("%s is taken for a duration", text)
		}
	}
}
