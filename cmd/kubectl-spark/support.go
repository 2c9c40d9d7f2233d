// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"
	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/sparkgateway/spark/cmd/kubectl-spark/bundle"
	"github.com/sparkgateway/spark/cmd/kubectl-spark/live"
	"github.com/sparkgateway/spark/gateway/config"
)

// supporting is what support-bundle was asked.
type supporting struct {
	origin
	gateway, file, operator string
	withoutPods             bool
}

// ward tells what pods say of themselves; a live.Cluster is one.
type ward interface {
	gauge
	archive
	witness
	Acks(ctx context.Context, gateway string) ([]live.Told[config.Ack], error)
}

// scene is where a bundle comes from.
type scene struct {
	objects client.Reader
	pods    ward
	// operator reads the logs of the operator's pods.
	operator archive
}

func supportCommand() *cobra.Command {
	s := supporting{}
	cmd := &cobra.Command{
		Use:   "support-bundle --gateway NAME",
		Short: "Collect what is known of a gateway into an archive to send away, without what is secret",
		Long: `Collect what is known of a gateway into a .tar.gz to send away: its resources and those that attach to it, its Deployment, Service,
pods and events, what each pod says of its health, errors, configuration and metrics, and the logs of the operator and, but for
access lines, of the pods. What cannot be had is listed in about.txt.

Secrets' values are not read for it: only their names are listed. (To ask the pods the Secret NAME-spark-admin is read, as by
other commands; --without-pods does without.) Values of headers, environment variables, annotations and arguments, what URLs have
beside their host, the beginnings of keys, and whatever looks like a key or a token in a text are replaced by "[redacted]". Names
of users, keys and models stay: look through it before you send it.`,
		Example: "  kubectl spark support-bundle --gateway main\n  kubectl spark support-bundle --gateway main -n team -f - | tar -tz",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if s.gateway == "" {
				return errWhichGateway
			}
			cluster, err := s.connect()
			if err != nil {
				return err
			}
			operator, err := live.Connect(live.Options{Kubeconfig: s.kubeconfig, Context: s.context, Namespace: s.operator})
			if err != nil {
				return err
			}
			s.space = cluster.Namespace
			return s.save(cmd.Context(), scene{cluster.Objects, cluster, operator}, time.Now(), cmd.OutOrStdout(), cmd.ErrOrStderr())
		},
	}
	s.flags(cmd, "the SparkGateway")
	gatewayFlag(cmd, &s.gateway, "name of the SparkGateway")
	flags := cmd.Flags()
	flags.StringVarP(&s.file, "file", "f", "", "file to write, - for standard output (default: spark-support-GATEWAY-TIME.tar.gz)")
	flags.StringVar(&s.operator, "operator-namespace", "spark-system", "namespace of the operator")
	flags.BoolVar(&s.withoutPods, "without-pods", false, "do not ask the pods, but only the API server")
	return cmd
}

// save writes the archive to its file.
func (s *supporting) save(ctx context.Context, from scene, now time.Time, stdout, stderr io.Writer) (err error) {
	to, name := stdout, "standard output"
	if s.file != "-" {
		if name = s.file; name == "" {
			name = fmt.Sprintf("spark-support-%s-%s.tar.gz", s.gateway, now.UTC().Format("20060102T150405Z"))
		}
		file, failed := os.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
		if failed != nil {
			return failed
		}
		defer func() {
			if err = errors.Join(err, file.Close()); err != nil {
				err = errors.Join(err, os.Remove(name))
			}
		}()
		to = file
	}
	a := bundle.New(to, now)
	if err := s.collect(ctx, from, a, now); err != nil {
		return err
	}
	for _, m := range a.Missing {
		if _, err := fmt.Fprintln(stderr, "warning: without", m); err != nil {
			return err
		}
	}
	_, err = fmt.Fprintf(stderr, "%s written; look through it before you send it\n", name)
	return err
}

func (s *supporting) collect(ctx context.Context, from scene, a *bundle.Archive, now time.Time) error {
	steps := []func() error{
		func() error { return s.resources(ctx, from.objects, a) },
		func() error { return s.children(ctx, from.objects, a) },
		func() error { return s.operators(ctx, from, a) },
	}
	if !s.withoutPods {
		steps = append(steps, func() error { return s.testimony(ctx, from.pods, a) }, func() error { return s.journals(ctx, from.pods, a) })
	}
	for _, step := range steps {
		if err := step(); err != nil {
			return err
		}
		if ctx.Err() != nil {
			return ctx.Err()
		}
	}
	return a.Close(fmt.Sprintf("SparkGateway %s/%s at %s, by kubectl-spark %s.\n", s.space, s.gateway, now.UTC().Format(time.RFC3339), version))
}

// keep adds what pods told, each in a directory of its own, and misses those that did not.
func keep[T any](a *bundle.Archive, what string, all []live.Told[T], err error) error {
	if err != nil {
		a.Miss("the "+what+" of all pods", err)
		return nil
	}
	for i := range all {
		if all[i].Err != nil {
			a.Miss("the "+what+" of pod "+all[i].Pod, all[i].Err)
			continue
		}
		if err := a.AddJSON("pods/"+all[i].Pod+"/"+what+".json", all[i].Answer); err != nil {
			return err
		}
	}
	return nil
}

// testimony is what pods say of themselves.
func (s *supporting) testimony(ctx context.Context, pods ward, a *bundle.Archive) error {
	health, err := pods.Health(ctx, s.gateway, "")
	if err := keep(a, "health", health, err); err != nil {
		return err
	}
	failed, err := pods.Errors(ctx, s.gateway, "")
	if err := keep(a, "errors", failed, err); err != nil {
		return err
	}
	acks, err := pods.Acks(ctx, s.gateway)
	if err := keep(a, "configuration", acks, err); err != nil {
		return err
	}
	names, err := pods.Pods(ctx, s.gateway)
	if err != nil {
		a.Miss("the metrics of all pods", err)
		return nil
	}
	for _, pod := range names {
		text, err := pods.Metrics(ctx, pod)
		if err != nil {
			a.Miss("the metrics of pod "+pod, err)
			continue
		}
		if err := a.Add("pods/"+pod+"/metrics.txt", string(text)); err != nil {
			return err
		}
	}
	return nil
}

// podLog reads the end of a pod's log, as much of it as a file may have.
func podLog(ctx context.Context, pods archive, pod, container string) (string, error) {
	lines := int64(5000)
	read, err := pods.Logs(ctx, pod, &corev1.PodLogOptions{Container: container, TailLines: &lines})
	if err != nil {
		return "", err
	}
	end := ending{}
	_, err = io.Copy(&end, read)
	return end.text(), errors.Join(err, read.Close())
}

// ending keeps the end of what is written to it.
type ending struct {
	kept []byte
	cut  bool
}

// cutOff stands where an older part was.
const cutOff = "[cut off]\n"

// Write implements io.Writer.
func (e *ending) Write(more []byte) (int, error) {
	e.kept = append(e.kept, more...)
	if len(e.kept) > 2*bundle.MaxFile {
		e.shorten()
	}
	return len(more), nil
}

func (e *ending) shorten() {
	most := bundle.MaxFile - len(cutOff)
	e.cut = true
	e.kept = append(e.kept[:0], e.kept[len(e.kept)-most:]...)
}

// text begins with a whole line.
func (e *ending) text() string {
	if len(e.kept) > bundle.MaxFile {
		e.shorten()
	}
	if !e.cut {
		return string(e.kept)
	}
	if len(e.kept) > bundle.MaxFile-len(cutOff) {
		e.shorten()
	}
	_, whole, _ := strings.Cut(string(e.kept), "\n")
	return cutOff + whole
}
