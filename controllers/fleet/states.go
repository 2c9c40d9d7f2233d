// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package fleet

import (
	"context"
	"slices"
	"time"

	"k8s.io/apimachinery/pkg/types"

	"github.com/sparkgateway/spark/gateway/config"
)

// figuresEvery is how often a pod's numbers, which change with every request, are told.
const figuresEvery = 5 * time.Second

// Word is what a pod last said of one provider under its present instance.
type Word struct {
	// Heard says that the pod has told its state at all.
	Heard bool
	// State is nil when the pod was not heard, or does not have the provider.
	State *config.ProviderState
	// Silence is the time since it was heard or, before the first time, since it was first asked.
	Silence time.Duration
	// Problem says, in stable words, why the last question failed; empty when it did not.
	Problem string
}

// Heard is told which providers a gateway's pods say something new of, by "namespace/name"; nil stands for all of the
// gateway's. It is called without locks held, at once for breakers and health and now and then for numbers, and holds up
// the conversation with one pod only.
type Heard func(gateway types.NamespacedName, providers []string)

// states is what one pod said of the providers.
type states struct {
	// since is when it was last heard or, before the first time, first asked.
	since   time.Time
	heard   bool
	problem string
	// silent says that the silence was told.
	silent    bool
	instance  string
	providers map[string]config.ProviderState
	// shown is what was told of each provider, and figures when numbers were told last.
	shown   map[string]config.ProviderState
	figures time.Time
}

// Words gives what the pods of a gateway say of a provider, by their UID. What it gives is not changed any more.
func (f *Fleet) Words(gateway types.NamespacedName, provider string) map[string]Word {
	f.mu.Lock()
	defer f.mu.Unlock()
	out := map[string]Word{}
	if c := f.gateways[gateway]; c != nil {
		for uid, l := range c.pods {
			w := Word{Heard: l.states.heard, Silence: time.Since(l.states.since), Problem: l.states.problem}
			if state, ok := l.states.providers[provider]; ok {
				w.State = &state
			}
			out[uid] = w
		}
	}
	return out
}

// listen asks a pod, which has just given an ack, for its state. That it cannot is not a problem of the ack.
func (f *Fleet) listen(ctx context.Context, gateway types.NamespacedName, t Target, l *line, instance string) {
	state, err := f.caller.State(ctx, gateway, t, l.pod)
	if err == nil && state.Instance != instance {
		err = problem("another process answers at its address")
	}
	state.Instance = instance
	f.hear(ctx, gateway, l, state, err)
}

// hear keeps a state, or why there is none, and tells of it where it is new. The instance is the state's or, where there
// is none, the ack's; empty without either.
func (f *Fleet) hear(ctx context.Context, gateway types.NamespacedName, l *line, state config.State, err error) {
	providers, news := f.keep(ctx, l, state, err)
	if news {
		f.heard(gateway, providers)
	}
}

// keep gives the providers to tell of, nil for all of them.
func (f *Fleet) keep(ctx context.Context, l *line, state config.State, err error) (providers []string, news bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if ctx.Err() != nil {
		return nil, false
	}
	s, now := &l.states, time.Now()
	// A status may speak of a silence that was not told, because it was looked at for another reason.
	silent := now.Sub(s.since) > f.grace
	if err != nil {
		s.problem = err.Error()
		if s.heard && state.Instance != "" && state.Instance != s.instance {
			// What the process before this one said does not count any more.
			s.heard, s.providers, s.since = false, nil, now
		}
		news = silent && !s.silent
		s.silent = s.silent || silent
		return nil, news
	}
	begins := !s.heard || s.silent || silent || s.instance != state.Instance
	s.since, s.heard, s.problem, s.silent, s.instance = now, true, "", false, state.Instance
	s.providers = make(map[string]config.ProviderState, len(state.Providers))
	for _, p := range state.Providers {
		s.providers[p.ID] = p
	}
	if begins {
		s.shown, s.figures = s.providers, now
		return nil, true
	}
	providers = s.changed(now)
	return providers, len(providers) > 0
}

// changed gives the providers that are to be told of, sorted, and keeps what it gives as shown.
func (s *states) changed(now time.Time) []string {
	due := now.Sub(s.figures) >= figuresEvery
	var names []string
	shown := make(map[string]config.ProviderState, len(s.providers))
	for name, state := range s.providers {
		was, there := s.shown[name]
		switch {
		case !there || !sameWord(was, state):
			names, shown[name] = append(names, name), state
		case due && !sameFigures(was, state):
			names, shown[name] = append(names, name), state
			s.figures = now
		default:
			shown[name] = was
		}
	}
	for name := range s.shown {
		if _, there := s.providers[name]; !there {
			names = append(names, name)
		}
	}
	s.shown = shown
	slices.Sort(names)
	return names
}

// sameWord says that neither breakers nor health are news. When an open breaker lets the next request through is none.
func sameWord(a, b config.ProviderState) bool {
	sameBreaker := func(a, b config.BreakerState) bool {
		return a.Model == b.Model && a.State == b.State && a.Reason == b.Reason && a.Since.Equal(b.Since)
	}
	sameHealth := (a.Health == nil) == (b.Health == nil) &&
		(a.Health == nil || a.Health.Healthy == b.Health.Healthy && a.Health.Reason == b.Health.Reason)
	return sameHealth && slices.EqualFunc(a.Out, b.Out, sameBreaker)
}

func sameFigures(a, b config.ProviderState) bool {
	return a.Attempts == b.Attempts && a.Failures == b.Failures && slices.Equal(a.Latency, b.Latency)
}
