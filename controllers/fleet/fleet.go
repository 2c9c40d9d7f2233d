// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

// Package fleet talks to gateway pods: it pushes configuration to their administrative listeners and listens to what
// they say of themselves. It works in the background, bounded and in parallel; nobody waits for it.
package fleet

import (
	"context"
	"sync"
	"time"

	"k8s.io/apimachinery/pkg/types"

	"github.com/sparkgateway/spark/gateway/config"
)

const (
	// pollEvery is how often a pod is asked when there is nothing to tell it.
	pollEvery = 2 * time.Second
	// retryFirst doubles up to pollEvery while a pod does not answer.
	retryFirst = 100 * time.Millisecond
	// atOnce bounds the calls that are under way over all gateways.
	atOnce = 64
)

// Target is what the pods of one gateway should run, and who they are.
type Target struct {
	// Bundle is immutable once given; its manifest bears the sequence.
	Bundle config.Bundle
	// Admin is the data of the Secret with the administrative credentials.
	Admin map[string][]byte
	Pods  []Pod
}

// Pod is a pod to talk to.
type Pod struct {
	UID  string
	Name string
	// Address is "IP:port" of the administrative listener.
	Address string
	// Instance changes when the pod's container restarts; what was heard before does not count any more.
	Instance string
}

// Observation is what is known of one pod.
type Observation struct {
	// Ack is its latest word under its current instance; nil before the first.
	Ack *config.Ack
	// Silence is the time since that word, or, before the first, since it was first asked.
	Silence time.Duration
	// Problem says, in stable words, why the last call failed; empty when it did not.
	Problem string
	// Found says that the pod was there when the conversation with the gateway's pods began, as after a restart of the
	// operator.
	Found bool
	// Sharing is how far it shares what it counts.
	Sharing Sharing
}

// Caller makes one call to a pod: a push, or with a nil push a question. missing names parts that the pod lacks to
// take up the push.
type Caller interface {
	Call(ctx context.Context, gateway types.NamespacedName, t Target, pod Pod, push *config.Push) (ack config.Ack, missing []string, err error)
	// State asks a pod what it has seen of the providers.
	State(ctx context.Context, gateway types.NamespacedName, t Target, pod Pod) (config.State, error)
	// Usage tells a pod what others counted, and asks what it counted itself.
	Usage(ctx context.Context, gateway types.NamespacedName, t Target, pod Pod, call config.UsageCall) (config.UsageAnswer, error)
	// Forget drops what is kept for a gateway, such as connections.
	Forget(gateway types.NamespacedName)
}

// Fleet keeps the conversation with every pod of every gateway. It is safe for concurrent use.
type Fleet struct {
	ctx     context.Context
	caller  Caller
	grace   time.Duration
	heard   Heard
	slots   chan struct{}
	changes chan types.NamespacedName
	// accounts are nil where usage is not shared.
	accounts Accounts
	grown    Grown
	// counts is nil where nothing is counted.
	counts Counts

	mu       sync.Mutex
	gateways map[types.NamespacedName]*conversation
}

// conversation is with the pods of one gateway.
type conversation struct {
	target Target
	pods   map[string]*line
}

// line is to one pod. Its goroutine ends with cancel.
type line struct {
	pod    Pod
	cancel context.CancelFunc
	wake   chan struct{}
	since  time.Time
	ack    *config.Ack
	// have is what the pod holds, by part, as far as it is known.
	have    map[string]string
	problem string
	// told says that the line's silence was made known.
	told bool
	// found says that the conversation began with this line.
	found   bool
	states  states
	sharing sharing
}

// New starts a fleet that works until the context ends. A pod that is silent for longer than grace is reported as a
// change, once.
func New(ctx context.Context, caller Caller, grace time.Duration, heard Heard) *Fleet {
	return &Fleet{
		ctx: ctx, caller: caller, grace: grace, heard: heard,
		slots:    make(chan struct{}, atOnce),
		changes:  make(chan types.NamespacedName, 1024),
		gateways: map[types.NamespacedName]*conversation{},
	}
}

// Changes tells of gateways whose Observe gives something new. The channel must be read.
func (f *Fleet) Changes() <-chan types.NamespacedName { return f.changes }

// Want says what the pods of a gateway should run. Pods that are no longer named are left alone from now on.
func (f *Fleet) Want(gateway types.NamespacedName, t Target) {
	f.mu.Lock()
	defer f.mu.Unlock()
	c := f.gateways[gateway]
	begins := c == nil
	if begins {
		c = &conversation{pods: map[string]*line{}}
		f.gateways[gateway] = c
	}
	news := c.target.Bundle.Manifest.Sequence != t.Bundle.Manifest.Sequence
	c.target = t
	named := make(map[string]bool, len(t.Pods))
	for _, pod := range t.Pods {
		named[pod.UID] = true
		l := c.pods[pod.UID]
		if l == nil || l.pod != pod {
			if l != nil {
				l.cancel()
			}
			c.pods[pod.UID] = f.open(gateway, pod, begins)
			continue
		}
		if news {
			l.poke()
		}
	}
	for uid, l := range c.pods {
		if !named[uid] {
			l.cancel()
			delete(c.pods, uid)
		}
	}
}

// Observe gives what is known of a gateway's pods, by UID.
func (f *Fleet) Observe(gateway types.NamespacedName) map[string]Observation {
	f.mu.Lock()
	defer f.mu.Unlock()
	out := map[string]Observation{}
	if c := f.gateways[gateway]; c != nil {
		for uid, l := range c.pods {
			out[uid] = Observation{Ack: l.ack, Silence: time.Since(l.since), Problem: l.problem, Found: l.found,
				Sharing: Sharing{l.sharing.told, time.Since(l.sharing.since), l.sharing.problem, l.sharing.store}}
		}
	}
	return out
}

// Forget ends the conversation with a gateway's pods.
func (f *Fleet) Forget(gateway types.NamespacedName) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if c := f.gateways[gateway]; c != nil {
		for _, l := range c.pods {
			l.cancel()
		}
		delete(f.gateways, gateway)
	}
	f.caller.Forget(gateway)
}

func (f *Fleet) open(gateway types.NamespacedName, pod Pod, found bool) *line {
	ctx, cancel := context.WithCancel(f.ctx)
	now := time.Now()
	l := &line{pod: pod, cancel: cancel, wake: make(chan struct{}, 1), since: now, found: found,
		states: states{since: now}, sharing: sharing{since: now}}
	go f.talk(ctx, gateway, l)
	return l
}

func (l *line) poke() {
	select {
	case l.wake <- struct{}{}:
	default:
	}
}

// talk calls the pod now, whenever there is news for it, and every now and then.
func (f *Fleet) talk(ctx context.Context, gateway types.NamespacedName, l *line) {
	retry := retryFirst
	for {
		pause := pollEvery
		if err := f.exchange(ctx, gateway, l); err != nil {
			pause, retry = retry, min(2*retry, pollEvery)
		} else {
			retry = retryFirst
		}
		timer := time.NewTimer(pause)
		select {
		case <-ctx.Done():
			timer.Stop()
			return
		case <-l.wake:
			timer.Stop()
		case <-timer.C:
		}
	}
}

// exchange makes one call, and a second where the pod names parts that it lacks; then it asks for the pod's state and shares
// what was counted.
func (f *Fleet) exchange(ctx context.Context, gateway types.NamespacedName, l *line) error {
	select {
	case f.slots <- struct{}{}:
		defer func() { <-f.slots }()
	case <-ctx.Done():
		return ctx.Err()
	}
	target, push := f.next(gateway, l)
	ack, missing, err := f.caller.Call(ctx, gateway, target, l.pod, push)
	if err == nil && push != nil && len(missing) > 0 {
		// A push that falls short leaves nothing with the pod, so what it held is sent once more.
		sent := push.Parts
		push = selectParts(target.Bundle, func(name string) bool { return sent[name] != nil || contains(missing, name) })
		ack, missing, err = f.caller.Call(ctx, gateway, target, l.pod, push)
	}
	if err == nil && len(missing) > 0 {
		err = problem("keeps asking for parts")
	}
	if err == nil && (ack.Pod != l.pod.UID || ack.Gateway != gateway.String()) {
		err = problem("another pod answers at its address")
	}
	f.tally(&target, push != nil, &ack, err)
	f.note(ctx, gateway, l, target, ack, err)
	if err != nil {
		f.hear(ctx, gateway, l, config.State{}, err)
		f.shared(ctx, gateway, l, nil, err)
		return err
	}
	f.listen(ctx, gateway, target, l, ack.Instance)
	f.share(ctx, gateway, target, l, ack.Instance)
	return nil
}

// next gives the target, and what to push: nil when the pod already has it, or refused it.
func (f *Fleet) next(gateway types.NamespacedName, l *line) (Target, *config.Push) {
	f.mu.Lock()
	defer f.mu.Unlock()
	c := f.gateways[gateway]
	if c == nil {
		return Target{}, nil
	}
	manifest := c.target.Bundle.Manifest
	if manifest.Sequence == 0 || l.ack == nil {
		return c.target, nil
	}
	if l.ack.Sequence == manifest.Sequence || l.ack.Rejected != nil && l.ack.Rejected.Sequence == manifest.Sequence {
		return c.target, nil
	}
	have := l.have
	return c.target, selectParts(c.target.Bundle, func(name string) bool { return have[name] != manifest.Parts[name] })
}

func selectParts(b config.Bundle, want func(name string) bool) *config.Push {
	push := config.Push{Manifest: b.Manifest, Parts: map[string][]byte{}}
	for name, part := range b.Parts {
		if want(name) {
			push.Parts[name] = part
		}
	}
	return &push
}

func contains(names []string, name string) bool {
	for _, n := range names {
		if n == name {
			return true
		}
	}
	return false
}

// note keeps what a call brought, and tells of it where it is new.
func (f *Fleet) note(ctx context.Context, gateway types.NamespacedName, l *line, t Target, ack config.Ack, err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if ctx.Err() != nil {
		return
	}
	if err != nil {
		l.problem = err.Error()
		if !l.told && time.Since(l.since) > f.grace {
			l.told = true
			f.tell(gateway)
		}
		return
	}
	// A status may speak of a silence that was not told, because it was looked at for another reason.
	silent := l.told || time.Since(l.since) > f.grace
	news := silent || l.ack == nil || !equalAcks(*l.ack, ack)
	l.ack, l.since, l.problem, l.told = &ack, time.Now(), "", false
	l.have = nil
	if ack.Revision == t.Bundle.Manifest.Revision {
		l.have = t.Bundle.Manifest.Parts
	}
	if news {
		f.tell(gateway)
		// There may be something to push to a pod that has just been heard for the first time, or has fallen back.
		l.poke()
	}
}

func equalAcks(a, b config.Ack) bool {
	sameRejection := (a.Rejected == nil) == (b.Rejected == nil) && (a.Rejected == nil || *a.Rejected == *b.Rejected)
	return a.Instance == b.Instance && a.Revision == b.Revision && a.Sequence == b.Sequence &&
		a.Draining == b.Draining && sameRejection
}

// tell never blocks: a full channel means that the reader has every gateway still to look at.
func (f *Fleet) tell(gateway types.NamespacedName) {
	select {
	case f.changes <- gateway:
	default:
	}
}
