// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package gateway

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"io"
	"strconv"
	"time"

	"github.com/sparkgateway/spark/gateway/config"
	"github.com/sparkgateway/spark/gateway/exchange"
	"github.com/sparkgateway/spark/gateway/health"
	"github.com/sparkgateway/spark/gateway/provider"
	"github.com/sparkgateway/spark/gateway/upstream"
)

// maxProbeBytes is how much of an answer a health check reads so that its connection can be used again.
const maxProbeBytes = 1 << 20

// healthChecks are those of a document's providers, in its order. What they find is shown in the metrics.
func (l *Living) healthChecks(doc *config.Document, providers []openProvider) []health.Check {
	checks := make([]health.Check, len(providers))
	for i, p := range providers {
		from := &doc.Core.Providers[i]
		if from.HealthCheck == nil {
			continue
		}
		way := p.probed(from.HealthCheck.Path)
		if way == nil {
			// Validation does not let this come here.
			continue
		}
		checks[i] = health.Check{
			Key: from.ID, Version: p.probeVersion(from, doc.Secrets), Settings: *from.HealthCheck,
			Ask:  func(ctx context.Context) error { return p.probe(ctx, way) },
			Told: l.metrics.Provider(from.ID).Healthy,
		}
	}
	return checks
}

// probed is the way that a health check goes: to a path, or to the provider's list of models, nil where it has none.
func (p openProvider) probed(path string) *provider.Way {
	if path != "" {
		return p.provider.Path(path)
	}
	return p.provider.Way(exchange.ListModels, exchange.OpenAI)
}

// probeVersion changes with the endpoint, the header fields, the credential and the path: with whatever may make a
// check's result another. It holds digests of secrets only.
func (p openProvider) probeVersion(from *config.Provider, secrets map[string]config.Secret) string {
	parts := []any{p.provider.CatalogKey, from.HealthCheck.Path, from.AWS, from.GCP, from.Azure}
	for _, name := range from.SecretNames() {
		parts = append(parts, config.DigestKey(secrets[name].Reveal()))
	}
	// Plain structs always encode.
	text, _ := json.Marshal(parts)
	sum := sha256.Sum256(text)
	return hex.EncodeToString(sum[:])
}

// probe makes one health check: an answer below 400 that comes whole is a good one. An error is one of a few phrases.
func (p openProvider) probe(ctx context.Context, way *provider.Way) error {
	status := 0
	err := p.get(ctx, way, func(said int, body io.Reader) error {
		status = said
		_, err := io.CopyN(io.Discard, body, maxProbeBytes)
		if errors.Is(err, io.EOF) {
			return nil
		}
		return err
	})
	if status >= 400 {
		return errors.New("status " + strconv.Itoa(status))
	}
	return probePhrase(ctx, err)
}

var (
	errProbeTimeout    = errors.New("timeout")
	errProbeCredential = errors.New("no credentials from the cloud")
	errProbeBroken     = errors.New("the connection broke")
	probePhrases       = map[upstream.Failure]error{
		upstream.Connect:              errors.New("no connection"),
		upstream.ConnectTimeout:       errProbeTimeout,
		upstream.FirstTokenTimeout:    errProbeTimeout,
		upstream.BetweenTokensTimeout: errProbeTimeout,
		upstream.TotalTimeout:         errProbeTimeout,
		upstream.Reset:                errProbeBroken,
		upstream.Truncated:            errors.New("the answer broke off"),
		upstream.Malformed:            errors.New("the answer is not HTTP"),
		upstream.Cancelled:            errProbeTimeout,
	}
)

// probePhrase keeps addresses and whatever else an error may tell out of the status.
func probePhrase(ctx context.Context, err error) error {
	var failed *upstream.Error
	switch {
	case err == nil:
		return nil
	case ctx.Err() != nil:
		return errProbeTimeout
	case errors.As(err, &failed):
		return probePhrases[failed.Failure]
	default:
		return errProbeCredential
	}
}

// get makes a request of the gateway's own, which the context's deadline bounds. read takes the status and the body of the
// answer, and need not read to its end: then the connection is not used again.
func (p openProvider) get(ctx context.Context, way *provider.Way, read func(status int, body io.Reader) error) error {
	deadline, _ := ctx.Deadline()
	left := config.Duration(time.Until(deadline))
	h := provider.Head{Method: "GET", Length: -1}
	head := append(way.AppendHead(nil, &h), "Accept: application/json, */*;q=0.5\r\n"...)
	if p.identity != nil {
		err := p.identity.Authorize(ctx, h.Method, p.provider.Host, string(way.AppendTarget(nil, &h)), nil, func(name, value string) {
			head = append(head, name+": "+value+"\r\n"...)
		})
		if err != nil {
			return err
		}
	}
	var call upstream.Call
	cancelled := make(chan struct{})
	stop := context.AfterFunc(ctx, func() {
		call.Cancel()
		close(cancelled)
	})
	defer func() {
		if !stop() {
			<-cancelled
		}
		call.Finish(0)
	}()
	timeouts := config.Timeouts{
		Connect: min(left, p.provider.Timeouts.Connect), FirstToken: left, BetweenTokens: left, Total: left,
	}
	if err := call.Do(p.pool, timeouts, append(head, "\r\n"...), nil); err != nil {
		return err
	}
	return read(call.Header.StatusCode(), &call)
}
