// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"cmp"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"os"
	"strconv"

	"github.com/sparkgateway/spark/cmd/kubectl-spark/load"
	"github.com/sparkgateway/spark/cmd/kubectl-spark/screen"
)

// prepare reads what was asked. Errors hold no key.
func (l *loading) prepare() error {
	switch {
	case l.url == "" && l.gateway == "":
		return errors.New("which gateway? Give an address with --url, or name a SparkGateway with --gateway")
	case l.gateway == "" && l.pod != "":
		return errors.New("--pod is of a --gateway")
	case !(l.stream >= 0 && l.stream <= 100):
		return errors.New("--stream: 0 to 100 of 100 requests")
	case l.maxTokens < 1 || l.maxTokens > load.MaxPromptTokens:
		return fmt.Errorf("--max-tokens: 1 to %d", load.MaxPromptTokens)
	case l.dialect == string(load.Responses) && l.maxTokens < 16:
		return errors.New("--max-tokens: with --dialect responses at least 16")
	case l.prompts < 0:
		return errors.New("--prompts: 0 or more")
	case l.connections < 1 || l.connections > 60_000:
		return errors.New("--max-connections: 1 to 60000")
	}
	for _, read := range []func() error{l.prepareMix, l.prepareLoop, l.prepareTarget} {
		if err := read(); err != nil {
			return err
		}
	}
	var err error
	if l.thresholds, err = load.ParseThresholds(l.failIf); err != nil {
		return fmt.Errorf("--fail-if: %w", err)
	}
	return screen.Check(l.output, "table", "json")
}

func (l *loading) prepareMix() error {
	dialect, err := load.ParseDialect(l.dialect)
	if err != nil {
		return fmt.Errorf("--dialect: %w", err)
	}
	sizes, err := load.ParseSizes(l.sizes)
	if err != nil {
		return fmt.Errorf("--prompt-tokens: %w", err)
	}
	l.plan.Mix = load.Mix{
		Dialect: dialect, Model: l.model, StreamPercent: l.stream, Prompts: sizes, Distinct: l.prompts,
		MaxTokens: l.maxTokens, Seed: cmp.Or(l.seed, someSeed()),
	}
	return nil
}

// prepareLoop reads when requests are sent.
func (l *loading) prepareLoop() error {
	chosen := 0
	for _, is := range []bool{l.rate != 0, l.soak != "", l.concurrency != 0} {
		if is {
			chosen++
		}
	}
	switch {
	case chosen != 1:
		return errors.New("how much load? Give one of --rate, --soak and --concurrency")
	case l.soak != "" && l.ramp != 0:
		return errors.New("--ramp: stages of --soak rise by themselves, as in 30s:0-100")
	case l.concurrency < 0 || l.concurrency > l.connections:
		return fmt.Errorf("--concurrency: 1 to %d, the --max-connections", l.connections)
	}
	arrivals, err := load.ParseArrivals(l.arrivals)
	if err != nil {
		return fmt.Errorf("--arrivals: %w", err)
	}
	o := &l.plan
	o.Arrivals, o.Warmup, o.Timeout, o.MaxInFlight = arrivals, l.warmup, l.timeout, l.connections
	switch {
	case l.concurrency > 0:
		o.Concurrency, o.Duration, o.Ramp = l.concurrency, l.duration, l.ramp
	case l.soak != "":
		if o.Profile, err = load.ParseProfile(l.soak); err != nil {
			return fmt.Errorf("--soak: %w", err)
		}
	default:
		if o.Profile, err = load.Steady(l.rate, l.duration, l.ramp); err != nil {
			return fmt.Errorf("--rate: %w", err)
		}
	}
	return nil
}

// prepareTarget reads where requests go, and with which keys.
func (l *loading) prepareTarget() error {
	key := l.key
	if key == "" && l.keyFile == "" {
		key = os.Getenv(keyVariable)
	}
	keys, err := load.ReadKeys(key, l.keyFile)
	if err != nil {
		return fmt.Errorf("keys: %w", err)
	}
	l.target = load.ClientOptions{URL: l.url, Keys: keys, Dialect: l.plan.Mix.Dialect, Connections: l.connections}
	if l.ca == "" && !l.insecure {
		return nil
	}
	l.target.TLS = &tls.Config{InsecureSkipVerify: l.insecure, MinVersion: tls.VersionTLS12}
	if l.ca != "" {
		pem, err := os.ReadFile(l.ca)
		if err != nil {
			return fmt.Errorf("--ca-file: %w", err)
		}
		l.target.TLS.RootCAs = x509.NewCertPool()
		if !l.target.TLS.RootCAs.AppendCertsFromPEM(pem) {
			return fmt.Errorf("--ca-file: %s holds no certificate in PEM", l.ca)
		}
	}
	return nil
}

// settings are what the report says of what was asked: never a key.
func (l *loading) settings() []load.Setting {
	m, o := &l.plan.Mix, &l.plan
	all := []load.Setting{
		{Name: "gateway", Value: cmp.Or(l.where, l.url)}, {Name: "dialect", Value: l.dialect}, {Name: "model", Value: l.model},
		{Name: "keys", Value: strconv.Itoa(len(l.target.Keys))},
	}
	if o.Concurrency > 0 {
		all = append(all, load.Setting{Name: "loop", Value: fmt.Sprintf("closed, %d at a time", o.Concurrency)},
			load.Setting{Name: "duration", Value: o.Duration.String()}, load.Setting{Name: "ramp", Value: o.Ramp.String()})
	} else {
		all = append(all, load.Setting{Name: "loop", Value: "open, arrivals " + string(o.Arrivals)},
			load.Setting{Name: "requests a second", Value: o.Profile.String()})
	}
	prompts := "each its own"
	if m.Distinct > 0 {
		prompts = strconv.Itoa(m.Distinct)
	}
	return append(all,
		load.Setting{Name: "warm-up", Value: o.Warmup.String()}, load.Setting{Name: "timeout", Value: o.Timeout.String()},
		load.Setting{Name: "connections at most", Value: strconv.Itoa(l.connections)},
		load.Setting{Name: "streams", Value: strconv.FormatFloat(m.StreamPercent, 'f', -1, 64) + "%"},
		load.Setting{Name: "prompt tokens", Value: m.Prompts.String()}, load.Setting{Name: "different prompts", Value: prompts},
		load.Setting{Name: "answer tokens at most", Value: strconv.Itoa(m.MaxTokens)},
		load.Setting{Name: "seed", Value: strconv.FormatUint(m.Seed, 10)},
	)
}
