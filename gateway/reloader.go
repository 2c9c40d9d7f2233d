// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package gateway

import (
	"crypto/rand"
	"fmt"
	"strings"
	"sync"

	"github.com/sparkgateway/spark/gateway/config"
	"github.com/sparkgateway/spark/gateway/telemetry"
)

// Identity is who a gateway process says it is.
type Identity struct {
	// Gateway is "namespace/name" of the SparkGateway; documents for another are refused. Empty takes any.
	Gateway string
	// Pod is the pod's UID.
	Pod string
	// Version is the gateway's release.
	Version string
}

// Reloader takes documents from whichever road they come by, serves the newest and says what is served. An older
// document never replaces a newer one, and one that is refused leaves the last good one in place. It is safe for
// concurrent use.
type Reloader struct {
	identity Identity
	instance string
	apply    func(*config.Document) error

	mu       sync.Mutex
	decoder  config.Decoder
	serving  config.Manifest
	parts    map[string][]byte
	rejected *config.Rejection
	draining bool
	// taken and refused count documents.
	taken, refused int64
}

// NewReloader gives a reloader that serves nothing yet. apply is called with each document in order, one at a time,
// and says why a document cannot be served.
func NewReloader(identity Identity, apply func(*config.Document) error) *Reloader {
	return &Reloader{identity: identity, instance: rand.Text(), apply: apply, parts: map[string][]byte{}}
}

// Offer takes up a bundle, which may leave out parts that the reloader holds already. missing names those that it
// lacks, and then nothing has changed. The ack tells what is served afterwards, and of a refusal.
func (r *Reloader) Offer(b config.Bundle) (ack config.Ack, missing []string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	m := b.Manifest
	known := r.rejected != nil && r.rejected.Sequence >= m.Sequence
	if m.Sequence <= r.serving.Sequence || known {
		return r.ack(), nil
	}
	whole := config.Bundle{Manifest: m, Parts: make(map[string][]byte, len(m.Parts))}
	have := make(map[string]string, len(m.Parts))
	for name, digest := range m.Parts {
		if part, ok := b.Parts[name]; ok {
			whole.Parts[name], have[name] = part, digest
		} else if r.serving.Parts[name] == digest {
			whole.Parts[name], have[name] = r.parts[name], digest
		}
	}
	if missing := m.Missing(have); len(missing) > 0 {
		return r.ack(), missing
	}
	if err := r.serve(whole); err != nil {
		r.refused++
		r.rejected = &config.Rejection{Revision: m.Revision, Sequence: m.Sequence, Error: bounded(err.Error())}
		return r.ack(), nil
	}
	r.serving, r.parts, r.rejected = m, whole.Parts, nil
	r.taken++
	return r.ack(), nil
}

// maxRejection bounds what an ack says of a refusal: a document may have a problem a key, and the operator reads no
// more of an ack than it must.
const maxRejection = 4 << 10

func bounded(text string) string {
	if len(text) <= maxRejection {
		return text
	}
	return strings.ToValidUTF8(text[:maxRejection], "") + "…"
}

// serve decodes and applies. A panic in either is a refusal: the process goes on with what it has.
func (r *Reloader) serve(b config.Bundle) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("the gateway failed over this document: %v", p)
		}
	}()
	if want := r.identity.Gateway; want != "" && b.Manifest.Gateway != want {
		return fmt.Errorf("the document is for gateway %q, this is %q", b.Manifest.Gateway, want)
	}
	doc, err := r.decoder.Decode(b)
	if err != nil {
		return err
	}
	return r.apply(doc)
}

// Ack says what is served.
func (r *Reloader) Ack() config.Ack {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.ack()
}

// sight adds what metrics show of configurations.
func (r *Reloader) sight(seen *telemetry.ProcessSight) {
	r.mu.Lock()
	defer r.mu.Unlock()
	seen.Revision, seen.Sequence = r.serving.Revision, r.serving.Sequence
	seen.Taken, seen.Rejected = r.taken, r.refused
	seen.Draining = seen.Draining || r.draining
}

// Drain makes acks say that the process was asked to leave.
func (r *Reloader) Drain() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.draining = true
}

func (r *Reloader) ack() config.Ack {
	ack := config.Ack{
		Gateway:  r.identity.Gateway,
		Pod:      r.identity.Pod,
		Instance: r.instance,
		Revision: r.serving.Revision,
		Sequence: r.serving.Sequence,
		Schemas:  []int{config.Schema},
		Version:  r.identity.Version,
		Draining: r.draining,
	}
	if r.rejected != nil {
		rejected := *r.rejected
		ack.Rejected = &rejected
	}
	return ack
}
