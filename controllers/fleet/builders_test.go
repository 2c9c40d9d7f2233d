// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package fleet_test

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"k8s.io/apimachinery/pkg/types"

	"github.com/sparkgateway/spark/controllers/fleet"
	"github.com/sparkgateway/spark/gateway/config"
)

var gateway = types.NamespacedName{Namespace: "team", Name: "main"}

// grace is how long the fleets of these tests are patient.
const grace = 10 * time.Second

// bundle gives a bundle with one text a part; its revision is made of them.
func bundle(sequence int64, parts map[string]string) config.Bundle {
	b := config.Bundle{Manifest: config.Manifest{Sequence: sequence, Gateway: gateway.String(), Parts: map[string]string{}}, Parts: map[string][]byte{}}
	for _, name := range slices.Sorted(maps.Keys(parts)) {
		b.Parts[name], b.Manifest.Parts[name] = []byte(parts[name]), config.PartDigest([]byte(parts[name]))
		b.Manifest.Revision += name + "=" + parts[name] + ";"
	}
	return b
}

// versioned gives a bundle of which only the shard changes from one sequence to the next.
func versioned(sequence int64) config.Bundle {
	return bundle(sequence, map[string]string{"core": "c", "secrets": "s", "keys-07": fmt.Sprint("k", sequence)})
}

// process is a gateway's process, as far as a fleet sees it.
type process struct {
	uid, instance string
	gateway       string
	serving       config.Manifest
	rejected      *config.Rejection
	refuses       int64 // the sequence that it rejects
	silent        bool
	leaves        bool // it was asked to
	hangs         bool
	takes         time.Duration // before it answers
	calls         []string      // "ask", or "push 2: core keys-07"
	providers     []config.ProviderState
	asked         int    // for its state
	mumbles       string // what is wrong when it is asked for its state
	stranger      bool   // another process tells its state, and what it counted
	told          []config.UsageCall
	counted       []config.UsageAnswer // the answers to come; the last stays
}

// take does what a reloader does.
func (p *process) take(push config.Push) (missing []string) {
	m := push.Manifest
	if m.Sequence <= p.serving.Sequence || p.rejected != nil && p.rejected.Sequence >= m.Sequence {
		return nil
	}
	for name, digest := range m.Parts {
		if push.Parts[name] == nil && p.serving.Parts[name] != digest {
			missing = append(missing, name)
		}
	}
	if len(missing) > 0 {
		slices.Sort(missing)
		return missing
	}
	if m.Sequence == p.refuses {
		p.rejected = &config.Rejection{Revision: m.Revision, Sequence: m.Sequence, Error: "no"}
		return nil
	}
	p.serving, p.rejected = m, nil
	return nil
}

func (p *process) ack() config.Ack {
	return config.Ack{Gateway: p.gateway, Pod: p.uid, Instance: p.instance, Revision: p.serving.Revision,
		Sequence: p.serving.Sequence, Rejected: p.rejected, Draining: p.leaves}
}

// caller is a Caller of processes, by UID.
type caller struct {
	mu        sync.Mutex
	processes map[string]*process
	forgotten []types.NamespacedName
	atOnce    int
	most      int
}

func newCaller(uids ...string) *caller {
	c := &caller{processes: map[string]*process{}}
	for _, uid := range uids {
		c.processes[uid] = &process{uid: uid, instance: "first", gateway: gateway.String()}
	}
	return c
}

func (c *caller) Call(ctx context.Context, _ types.NamespacedName, _ fleet.Target, pod fleet.Pod, push *config.Push) (config.Ack, []string, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	p := c.processes[pod.UID]
	said := "ask"
	if push != nil {
		said = fmt.Sprintf("push %d: %s", push.Manifest.Sequence, strings.Join(slices.Sorted(maps.Keys(push.Parts)), " "))
	}
	p.calls = append(p.calls, said)
	if p.hangs {
		c.atOnce++
		c.most = max(c.most, c.atOnce)
		c.mu.Unlock()
		<-ctx.Done()
		c.mu.Lock()
		c.atOnce--
		return config.Ack{}, nil, ctx.Err()
	}
	if p.takes > 0 {
		c.mu.Unlock()
		select {
		case <-time.After(p.takes):
		case <-ctx.Done():
		}
		c.mu.Lock()
	}
	if p.silent {
		return config.Ack{}, nil, errors.New("it does not answer in time")
	}
	if push != nil {
		if missing := p.take(*push); len(missing) > 0 {
			return config.Ack{}, missing, nil
		}
	}
	return p.ack(), nil, nil
}

func (c *caller) State(_ context.Context, _ types.NamespacedName, _ fleet.Target, pod fleet.Pod) (config.State, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	p := c.processes[pod.UID]
	p.asked++
	switch {
	case p.mumbles != "":
		return config.State{}, errors.New(p.mumbles)
	case p.stranger:
		return config.State{Instance: "stranger", Providers: p.providers}, nil
	}
	return config.State{Instance: p.instance, Providers: p.providers}, nil
}

func (c *caller) Usage(_ context.Context, _ types.NamespacedName, _ fleet.Target, pod fleet.Pod, call config.UsageCall) (config.UsageAnswer, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	p := c.processes[pod.UID]
	p.told = append(p.told, call)
	if p.mumbles != "" {
		return config.UsageAnswer{}, errors.New(p.mumbles)
	}
	answer := config.UsageAnswer{}
	if len(p.counted) > 0 {
		answer = p.counted[0]
		p.counted = p.counted[min(1, len(p.counted)-1):]
	}
	if answer.Instance = p.instance; p.stranger {
		answer.Instance = "stranger"
	}
	return answer, nil
}

func (c *caller) Forget(gateway types.NamespacedName) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.forgotten = append(c.forgotten, gateway)
}

// edit changes a process between two calls.
func (c *caller) edit(uid string, edit func(*process)) {
	c.mu.Lock()
	defer c.mu.Unlock()
	edit(c.processes[uid])
}

// said gives the calls since the last time it was asked.
func (c *caller) said(uid string) (calls []string) {
	c.edit(uid, func(p *process) { calls, p.calls = p.calls, nil })
	return calls
}

// bed is a fleet in a synctest bubble.
type bed struct {
	t      *testing.T
	fleet  *fleet.Fleet
	caller *caller
	heard  *heard
}

// heard keeps which providers were told of: "all", or their names.
type heard struct {
	mu   sync.Mutex
	said []string
}

func (h *heard) hear(_ types.NamespacedName, providers []string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if providers == nil {
		providers = []string{"all"}
	}
	h.said = append(h.said, providers...)
}

// wantHeard checks what was told of providers since the last time.
func (b *bed) wantHeard(want ...string) {
	b.t.Helper()
	b.heard.mu.Lock()
	defer b.heard.mu.Unlock()
	if diff := cmp.Diff(want, b.heard.said); diff != "" {
		b.t.Errorf("told of (-want +got):\n%s", diff)
	}
	b.heard.said = nil
}

// inBubble runs a test with time of its own, and ends the fleet's goroutines after it.
func inBubble(t *testing.T, c *caller, test func(*testing.T, *bed)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		h := &heard{}
		test(t, &bed{t, fleet.New(ctx, c, grace, h.hear), c, h})
		cancel()
		synctest.Wait()
	})
}

// want says what the pods should run; each is a UID, or "UID@instance".
func (b *bed) want(bundle config.Bundle, pods ...string) {
	target := fleet.Target{Bundle: bundle}
	for _, pod := range pods {
		uid, instance, _ := strings.Cut(pod, "@")
		target.Pods = append(target.Pods, fleet.Pod{UID: uid, Name: uid, Address: "192.0.2.1:9443", Instance: instance})
	}
	b.fleet.Want(gateway, target)
	synctest.Wait()
}

// after lets time go on.
func (b *bed) after(d time.Duration) {
	<-time.After(d)
	synctest.Wait()
}

// told counts the changes that were told since the last time.
func (b *bed) told() (n int) {
	for {
		select {
		case g := <-b.fleet.Changes():
			if g != gateway {
				b.t.Errorf("told of %s", g)
			}
			n++
		default:
			return n
		}
	}
}

func (b *bed) wantSaid(uid string, want ...string) {
	b.t.Helper()
	if diff := cmp.Diff(want, b.caller.said(uid)); diff != "" {
		b.t.Errorf("calls to %s (-want +got):\n%s", uid, diff)
	}
}

func (b *bed) wantTold(want int) {
	b.t.Helper()
	if got := b.told(); got != want {
		b.t.Errorf("told %d times, want %d", got, want)
	}
}

// wantSequence checks the ack of a pod; -1 wants none.
func (b *bed) wantSequence(uid string, want int64) {
	b.t.Helper()
	o, ok := b.fleet.Observe(gateway)[uid]
	got := int64(-1)
	if o.Ack != nil {
		got = o.Ack.Sequence
	}
	if !ok || got != want {
		b.t.Errorf("pod %s (known: %t) acks sequence %d, want %d", uid, ok, got, want)
	}
}

func named(name string) types.NamespacedName {
	return types.NamespacedName{Namespace: gateway.Namespace, Name: name}
}
