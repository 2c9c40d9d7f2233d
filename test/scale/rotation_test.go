// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package scale

import (
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/sparkgateway/spark/gateway"
	"github.com/sparkgateway/spark/gateway/config"
	"github.com/sparkgateway/spark/test/accounting/bed"
)

// A key is rotated under load: clients use the old and the new secret while both are valid, and only the new one after.
func TestRotationRefusesNobodyBeforeTheOverlapEndsAndEverybodyAfter(t *testing.T) {
	const old, fresh = "sk-old-0123456789abcdef0123456789abcdef", "sk-new-0123456789abcdef0123456789abcdef"
	provider := bed.Provider(t, 16)
	doc := bed.Document(provider)
	doc.Core.Routes = []config.Route{bed.Route("small", bed.Target(config.OpenAI, "m", 0, 1, nil))}
	doc.Keys = append(keys(1000), config.Key{ID: "default/rotated", User: "rotated", Digest: config.DigestKey(old)})
	at := len(doc.Keys) - 1
	g := bed.Start(t, doc, gateway.LivingOptions{})
	a := asker{bed.Client(32), g.URL}
	t.Cleanup(a.client.CloseIdleConnections)

	var rotated atomic.Bool    // the new secret may be used
	var ends atomic.Int64      // when the overlap ends
	ends.Store(1 << 62)        // not yet known
	var good, bad atomic.Int64 // answers
	stop := make(chan struct{})
	var wg sync.WaitGroup
	client := func(secret string, usable func() bool, over func(sent, got time.Time) (mustPass, mustFail bool)) {
		for {
			select {
			case <-stop:
				return
			default:
			}
			if !usable() {
				<-time.After(time.Millisecond)
				continue
			}
			sent := time.Now()
			status, answer, err := a.ask(secret)
			pass, fail := over(sent, time.Now())
			switch {
			case err != nil, pass && status != http.StatusOK, fail && status != http.StatusUnauthorized:
				t.Errorf("status %d, error %v, sent %v before the end of the overlap: %.200s", status, err,
					time.UnixMilli(ends.Load()).Sub(sent), answer)
				return
			case status == http.StatusOK:
				good.Add(1)
			case strings.Contains(answer, old):
				t.Errorf("the refusal tells the secret: %s", answer)
			default:
				bad.Add(1)
			}
		}
	}
	for range 8 {
		wg.Go(func() {
			client(old, func() bool { return true }, func(sent, got time.Time) (bool, bool) {
				return got.UnixMilli() < ends.Load(), sent.UnixMilli() > ends.Load()
			})
		})
		wg.Go(func() { client(fresh, rotated.Load, func(_, _ time.Time) (bool, bool) { return true, false }) })
	}
	wait(t, 300*time.Millisecond)
	// The overlap is longer than a busy machine takes to apply the change.
	const overlap = 4 * time.Second
	until := time.Now().Add(overlap).UnixMilli()
	next := *doc
	next.Keys = append([]config.Key(nil), doc.Keys...)
	next.Keys[at].Digest = config.DigestKey(fresh)
	next.Keys[at].Previous = &config.PreviousSecret{Digest: config.DigestKey(old), NotAfter: until}
	ends.Store(until)
	g.Apply(t, &next)
	rotated.Store(true)
	wait(t, time.Until(time.UnixMilli(until)))
	passed, refused := good.Load(), bad.Load()
	bed.Eventually(t, func() bool { return t.Failed() || bad.Load() > refused+8 && good.Load() > passed+8 },
		func() string { return "both secrets are used after the overlap" })
	close(stop)
	wg.Wait()
	t.Logf("%d answered and %d refused until the overlap had ended, %d and %d in the moments after", passed, refused,
		good.Load()-passed, bad.Load()-refused)
	if bad.Load() == refused || good.Load() == passed {
		t.Errorf("%d refusals and %d answers after the overlap, want both", bad.Load()-refused, good.Load()-passed)
	}
}
