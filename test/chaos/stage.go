// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"sync"
	"time"

	"github.com/sparkgateway/spark/gateway/store/redistest/loopback"
	"github.com/sparkgateway/spark/test/fakeprovider"
)

// stage is where one scenario is played: a gateway and two providers of its own.
type stage struct {
	program  string
	pace     pace
	scenario scenario
}

// facts are what was seen. Times are from the scenario's start.
type facts struct {
	pace     pace
	scenario scenario
	answers  []answer
	sentLate time.Duration // the most that a request was sent behind its time
	broke    time.Duration // when the fault began
	mended   time.Duration // when it was over
	begun    time.Time
	watched
	records [len(providerNames)][]fakeprovider.Record
	log     func(ids []string) []string // lines of the gateway's access log
}

// grace is what bounds allow for the machine: what the pace says and, as the gateway had to wait just so for its turn,
// twice what this process was seen to wait. A run on a machine that is busy proves less, and does not fail for it.
func (f *facts) grace() time.Duration { return f.pace.grace + 2*f.stall() }

// stall is the longest that the machine kept the load or the watch waiting.
func (f *facts) stall() time.Duration { return max(f.sentLate, f.late) }

// fairly plays a scenario until the machine let it be judged, three times at most: a promise that was not kept while the
// machine kept everybody waiting may be the machine's fault. What was set aside for that is told with the result.
func fairly(play func() (result, error)) (result, error) {
	var aside []string
	for n := 1; ; n++ {
		r, err := play()
		r.aside = aside
		if err != nil || len(r.wrong) == 0 || r.stall < unfair || n == 3 {
			return r, err
		}
		for _, w := range r.wrong {
			line, _, _ := strings.Cut(w, "\n")
			aside = append(aside, fmt.Sprintf("play %d, on a machine that was %s late: %s", n, millis(r.stall), strings.TrimSuffix(line, ", such as")))
		}
	}
}

// play carries the scenario out and judges it. An error is one of the stage, not of the gateway.
func (s stage) play(ctx context.Context) (result, error) {
	p, err := startProviders(s.pace)
	if err != nil {
		return result{}, err
	}
	defer func() { _ = errors.Join(p[primary].Close(), p[secondary].Close()) }()
	dir, err := os.MkdirTemp("", "spark-chaos-")
	if err != nil {
		return result{}, err
	}
	defer os.RemoveAll(dir)
	yaml, err := manifestsFor(s.pace, p[primary].URL(), p[secondary].URL())
	if err != nil {
		return result{}, err
	}
	g, err := startGateway(ctx, s.program, dir, yaml)
	if err != nil {
		return result{}, err
	}
	defer g.stop()
	if failed := warmUp(ctx, g.url, s.scenario.model); failed != nil {
		return result{}, fmt.Errorf("before anything is broken: %s\n%s", failed, g.ownLog())
	}
	for _, server := range p {
		server.Reset()
		if err := server.SetScript(fault("none")); err != nil {
			return result{}, err
		}
	}
	f, err := s.observed(ctx, g, p)
	if err != nil {
		return result{}, err
	}
	f.log = g.accessLog
	return judge(f), nil
}

// observed runs the load, the faults and the watch beside each other.
func (s stage) observed(ctx context.Context, g *gatewayProcess, p providers) (*facts, error) {
	f := &facts{pace: s.pace, scenario: s.scenario, begun: time.Now()}
	watching, enough := context.WithCancel(ctx)
	defer enough()
	var loading, looking sync.WaitGroup
	loading.Go(func() { f.answers, f.sentLate = load(ctx, s.pace, g.url, s.scenario.model, f.begun) })
	looking.Go(func() { f.watched = watch(watching, g, f.begun) })
	err := s.breakAndMend(ctx, f, p)
	loading.Wait()
	enough()
	looking.Wait()
	for i := range p {
		f.records[i] = p[i].Records()
	}
	return f, errors.Join(err, ctx.Err())
}

// breakAndMend does to the providers what the scenario says, when it says.
func (s stage) breakAndMend(ctx context.Context, f *facts, p providers) error {
	if !until(ctx, f.begun.Add(s.pace.steady)) {
		return nil
	}
	f.broke = time.Since(f.begun)
	if err := s.scenario.breaks(ctx, p); err != nil {
		return err
	}
	if !until(ctx, f.begun.Add(s.pace.steady+s.pace.fault)) {
		return nil
	}
	err := s.scenario.mends(ctx, p)
	f.mended = time.Since(f.begun)
	return err
}

// until waits for a time; it is false if the context ended before.
func until(ctx context.Context, t time.Time) bool {
	timer := time.NewTimer(time.Until(t))
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}

// startProviders starts both, on ports that they find free when they come back.
func startProviders(p pace) (providers, error) {
	var started providers
	for i := range started {
		started[i] = fakeprovider.New(fakeprovider.Options{
			APIKeys: []string{providerKey}, RecordLimit: 4 * p.requests(), RecordBodyLimit: 1,
		})
		address, err := loopback.Free()
		if err == nil {
			err = started[i].Start(address)
		}
		if err != nil {
			return started, err
		}
		if err := started[i].SetScript(fault("none")); err != nil {
			return started, err
		}
	}
	return started, nil
}
