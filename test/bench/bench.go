// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"time"
)

// sample is one subject in one round.
type sample struct {
	Round       int     `json:"round"`
	CPUMicros   float64 `json:"cpuMicrosPerRequest"` // of the subject's processes; 0 for direct, which has none
	UpstreamCPU float64 `json:"upstreamCpuMicrosPerRequest"`
	load
}

// results are all samples by subject, and the subjects that could not be measured with the reason.
type results struct {
	samples map[string][]sample
	missing map[string]string
}

// rig is what runs during a benchmark.
type rig struct {
	settings
	dir      string // configurations and logs
	out      io.Writer
	upstream *process
	address  string // of the upstream
	running  map[string]*subject
}

// run measures all and reports; it leaves no process behind.
func run(ctx context.Context, s settings, out io.Writer) error {
	limit := time.Minute + time.Duration(s.Rounds*len(s.Subjects))*(2*s.Duration+5*time.Second)
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	dir, err := os.MkdirTemp("", "spark-bench-")
	if err != nil {
		return err
	}
	r := &rig{settings: s, dir: dir, out: out, running: map[string]*subject{}}
	defer r.close()
	if err := r.startUpstream(ctx); err != nil {
		return err
	}
	all := results{samples: map[string][]sample{}, missing: map[string]string{}}
	r.startSubjects(ctx, &all)
	if err := r.measure(ctx, &all); err != nil {
		return err
	}
	return r.conclude(ctx, all)
}

// startSubjects starts all of them before anything is measured: idle ones cost nothing, and none pays for a start.
func (r *rig) startSubjects(ctx context.Context, all *results) {
	for _, name := range r.Subjects {
		s, err := subjects[name](ctx, r)
		if err == nil {
			r.running[name] = s
			err = s.ready(ctx, r.Stream, r.Bytes)
		}
		if err != nil {
			all.missing[name] = err.Error()
			fmt.Fprintf(r.out, "%s is missing: %v\n", name, err)
		}
	}
}

func (r *rig) measure(ctx context.Context, all *results) error {
	for round := 1; round <= r.Rounds; round++ {
		for _, name := range r.Subjects {
			if all.missing[name] != "" {
				continue
			}
			taken, err := r.sample(ctx, r.running[name])
			if err != nil {
				return fmt.Errorf("%s, round %d: %w", name, round, err)
			}
			taken.Round = round
			all.samples[name] = append(all.samples[name], taken)
			fmt.Fprintf(r.out, "round %d/%d  %-7s %6.1f CPU µs/request  %7.0f requests/s\n", round, r.Rounds, name,
				taken.CPUMicros, taken.PerSecond)
		}
	}
	return nil
}

// sample warms a subject up and then measures it.
func (r *rig) sample(ctx context.Context, s *subject) (sample, error) {
	warmUp := plan{Address: s.address, Connections: r.Connections, Requests: r.Requests/20 + r.Connections,
		Limit: r.Duration, Stream: r.Stream, Bytes: r.Bytes}
	if _, err := runLoad(ctx, warmUp); err != nil {
		return sample{}, err
	}
	measured := warmUp
	measured.Requests = r.Requests
	before, upstreamBefore, err := r.cpu(s)
	if err != nil {
		return sample{}, err
	}
	done, err := runLoad(ctx, measured)
	if err != nil {
		return sample{}, err
	}
	after, upstreamAfter, err := r.cpu(s)
	if err != nil {
		return sample{}, err
	}
	if done.Errors > 0 {
		return sample{}, fmt.Errorf("%d of %d responses were wrong, first: %s", done.Errors, done.Requests, done.FirstError)
	}
	return sample{
		CPUMicros: perRequest(after-before, done.Requests), load: done,
		UpstreamCPU: perRequest(upstreamAfter-upstreamBefore, done.Requests),
	}, nil
}

func (r *rig) cpu(s *subject) (own, upstream time.Duration, err error) {
	if s.process != nil {
		if own, err = cpuOf(s.process.pid()); err != nil {
			return 0, 0, err
		}
	}
	upstream, err = cpuOf(r.upstream.pid())
	return own, upstream, err
}

func perRequest(d time.Duration, requests int) float64 {
	return float64(d) / float64(time.Microsecond) / float64(requests)
}

// conclude prints the table, writes the JSON and judges.
func (r *rig) conclude(ctx context.Context, all results) error {
	report := newReport(r.settings, all, machineOf(ctx))
	report.print(r.out)
	if r.jsonPath != "" {
		content, err := json.MarshalIndent(report, "", "  ")
		if err != nil {
			return err
		}
		if err := os.WriteFile(r.jsonPath, append(content, '\n'), 0o644); err != nil {
			return err
		}
	}
	return errors.Join(report.missing(), report.judge(r.maxRatio))
}

func (r *rig) close() {
	for _, s := range r.running {
		if s.process != nil {
			s.process.stop()
		}
	}
	if r.upstream != nil {
		r.upstream.stop()
	}
	if r.keep {
		fmt.Fprintln(r.out, "configurations and logs:", r.dir)
		return
	}
	os.RemoveAll(r.dir)
}
