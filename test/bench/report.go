// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"runtime"
	"slices"
	"strings"
	"text/tabwriter"
	"time"
)

// spread is the middle and the ends of what several rounds gave.
type spread struct {
	Median float64 `json:"median"`
	Min    float64 `json:"min"`
	Max    float64 `json:"max"`
}

func spreadOf(values []float64) spread {
	sorted := slices.Sorted(slices.Values(values))
	n := len(sorted)
	if n == 0 {
		return spread{}
	}
	return spread{Median: (sorted[(n-1)/2] + sorted[n/2]) / 2, Min: sorted[0], Max: sorted[n-1]}
}

// report is the outcome of a run, as it is printed and kept.
type report struct {
	Time     time.Time         `json:"time"`
	Machine  machine           `json:"machine"`
	Settings settings          `json:"settings"`
	Subjects []subjectReport   `json:"subjects"`
	Ratios   []ratio           `json:"ratios"`
	Missing  map[string]string `json:"missing,omitempty"`
}

type subjectReport struct {
	Name      string   `json:"name"`
	CPUMicros spread   `json:"cpuMicrosPerRequest"`
	PerSecond spread   `json:"requestsPerSecond"`
	P50       spread   `json:"p50Micros"`
	P99       spread   `json:"p99Micros"`
	FirstByte spread   `json:"firstByteP50Micros"`
	Rounds    []sample `json:"rounds"`
}

// ratio compares CPU per request of two subjects, round by round.
type ratio struct {
	Subject string `json:"subject"`
	Base    string `json:"base"`
	spread
}

type machine struct {
	CPUs   int    `json:"cpus"`
	CPU    string `json:"cpu"`
	Kernel string `json:"kernel"`
	Go     string `json:"go"`
	Nginx  string `json:"nginx,omitempty"`
}

// bases are what the others are compared with.
var bases = []string{"nginx", "relay"}

func newReport(s settings, all results, m machine) report {
	r := report{Time: time.Now().UTC().Truncate(time.Second), Machine: m, Settings: s, Missing: all.missing}
	for _, name := range s.Subjects {
		samples := all.samples[name]
		if len(samples) == 0 {
			continue
		}
		r.Subjects = append(r.Subjects, subjectReport{
			Name: name, Rounds: samples,
			CPUMicros: each(samples, func(s sample) float64 { return s.CPUMicros }),
			PerSecond: each(samples, func(s sample) float64 { return s.PerSecond }),
			P50:       each(samples, func(s sample) float64 { return float64(s.P50) }),
			P99:       each(samples, func(s sample) float64 { return float64(s.P99) }),
			FirstByte: each(samples, func(s sample) float64 { return float64(s.FirstByteP50) }),
		})
		for _, base := range bases {
			if got, comparable := compare(samples, all.samples[base]); comparable && base != name {
				r.Ratios = append(r.Ratios, ratio{Subject: name, Base: base, spread: got})
			}
		}
	}
	return r
}

func each(samples []sample, value func(sample) float64) spread {
	values := make([]float64, 0, len(samples))
	for _, s := range samples {
		values = append(values, value(s))
	}
	return spreadOf(values)
}

// compare divides round by round, so that what disturbed the machine for a while disturbs both sides of a ratio.
func compare(samples, base []sample) (spread, bool) {
	var ratios []float64
	for i := range min(len(samples), len(base)) {
		if samples[i].CPUMicros > 0 && base[i].CPUMicros > 0 {
			ratios = append(ratios, samples[i].CPUMicros/base[i].CPUMicros)
		}
	}
	return spreadOf(ratios), len(ratios) > 0
}

func (r report) ratio(subject, base string) (spread, bool) {
	for _, candidate := range r.Ratios {
		if candidate.Subject == subject && candidate.Base == base {
			return candidate.spread, true
		}
	}
	return spread{}, false
}

func (r report) print(out io.Writer) {
	kind := fmt.Sprintf("chat requests and responses of %d bytes", r.Settings.Bytes)
	if r.Settings.Stream {
		kind = fmt.Sprintf("chat requests of %d bytes, streams of %d events", r.Settings.Bytes, streamEvents)
	}
	fmt.Fprintf(out, "\n%s; %d connections; %d rounds of %d requests; %d CPUs (%s); median (min–max)\n\n", kind,
		r.Settings.Connections, r.Settings.Rounds, r.Settings.Requests, r.Machine.CPUs, r.Machine.CPU)
	table := tabwriter.NewWriter(out, 0, 0, 3, ' ', 0)
	fmt.Fprintln(table, "SUBJECT\tCPU µs/REQUEST\t× NGINX\t× RELAY\tREQUESTS/s\tFIRST BYTE p50\tp50\tp99")
	for _, s := range r.Subjects {
		cpu := "-"
		if s.CPUMicros.Max > 0 {
			cpu = s.CPUMicros.text("%.1f")
		}
		fmt.Fprintf(table, "%s\t%s\t%s\t%s\t%.0f\t%.0f µs\t%.0f µs\t%.0f µs\n", s.Name, cpu, r.ratioText(s.Name, "nginx"),
			r.ratioText(s.Name, "relay"), s.PerSecond.Median, s.FirstByte.Median, s.P50.Median, s.P99.Median)
	}
	table.Flush()
	for name, reason := range r.Missing {
		fmt.Fprintf(out, "%s is missing: %s\n", name, firstLine(reason))
	}
}

func (r report) ratioText(subject, base string) string {
	if got, known := r.ratio(subject, base); known {
		return got.text("%.2f")
	}
	return "-"
}

func (s spread) text(format string) string {
	return fmt.Sprintf(format+" ("+format+"–"+format+")", s.Median, s.Min, s.Max)
}

// missing is an error for every subject that was asked for and could not be measured.
func (r report) missing() error {
	var all []error
	for _, name := range r.Settings.Subjects {
		if reason, isMissing := r.Missing[name]; isMissing {
			all = append(all, fmt.Errorf("%s could not be measured: %s", name, firstLine(reason)))
		}
	}
	return errors.Join(all...)
}

// judge holds Spark against nginx; a limit of 0 lets everything pass.
func (r report) judge(limit float64) error {
	if limit <= 0 {
		return nil
	}
	got, known := r.ratio("spark", "nginx")
	if !known {
		return errors.New("--max-ratio cannot be judged without both, spark and nginx")
	}
	if got.Median > limit {
		return fmt.Errorf("spark costs %.2f times nginx, more than %.2f", got.Median, limit)
	}
	return nil
}

func firstLine(text string) string {
	line, _, _ := strings.Cut(text, "\n")
	return line
}

// machineOf says what the numbers were measured on; what cannot be found out is left empty.
func machineOf(ctx context.Context) machine {
	m := machine{CPUs: runtime.NumCPU(), Go: runtime.Version()}
	if release, err := os.ReadFile("/proc/sys/kernel/osrelease"); err == nil {
		m.Kernel = strings.TrimSpace(string(release))
	}
	if info, err := os.Open("/proc/cpuinfo"); err == nil {
		defer info.Close()
		for lines := bufio.NewScanner(info); lines.Scan() && m.CPU == ""; {
			if key, value, found := strings.Cut(lines.Text(), ":"); found && strings.HasPrefix(key, "model name") {
				m.CPU = strings.TrimSpace(value)
			}
		}
	}
	if program := nginxOnDisk(); program != "" {
		if output, err := exec.CommandContext(ctx, program, "-v").CombinedOutput(); err == nil {
			_, version, _ := strings.Cut(firstLine(string(output)), "nginx/")
			m.Nginx = strings.TrimSpace(version)
		}
	}
	return m
}
