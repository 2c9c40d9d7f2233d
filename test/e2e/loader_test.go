// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

//go:build e2e

package e2e

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"

	"github.com/sparkgateway/spark/test/e2e/load"
)

// The keys that the fake provider takes, the second of each for tests that exchange them.
const (
	providerKey     = "sk-e2e-provider"
	nextProviderKey = "sk-e2e-provider-next"
	awsID           = "AKIDE2EFIRST"
	awsSecret       = "aws-e2e-first-0123456789"
	nextAWSID       = "ASIAE2ENEXT"
	nextAWSSecret   = "aws-e2e-next-0123456789"
	nextAWSSession  = "aws-e2e-session-0123456789"
)

// helpers are the fake provider and, on the same node so that they share a clock, the pod that asks and loads.
const helpers = `
apiVersion: apps/v1
kind: Deployment
metadata: {name: fake}
spec:
  selector: {matchLabels: {app: fake}}
  template:
    metadata: {labels: {app: fake}}
    spec:
      containers:
      - name: fake
        image: ` + providerImage + `
        imagePullPolicy: IfNotPresent
        args:
        - --listen=:9000
        - --api-key=` + providerKey + `,` + nextProviderKey + `
        - --aws-keys=` + awsID + `:` + awsSecret + `,` + nextAWSID + `:` + nextAWSSecret + `:` + nextAWSSession + `
        readinessProbe: {httpGet: {path: /livez, port: 9000}, periodSeconds: 1}
---
apiVersion: v1
kind: Service
metadata: {name: fake}
spec:
  selector: {app: fake}
  ports: [{port: 9000}]
---
` + loadPod

// loadPod is a pod that asks and loads; another name makes another.
const loadPod = `
apiVersion: v1
kind: Pod
metadata: {name: load, labels: {app: load}}
spec:
  restartPolicy: Never
  terminationGracePeriodSeconds: 1
  affinity:
    podAffinity:
      requiredDuringSchedulingIgnoredDuringExecution:
      - {topologyKey: kubernetes.io/hostname, labelSelector: {matchLabels: {app: fake}}}
  containers:
  - name: load
    image: ` + loadImage + `
    imagePullPolicy: IfNotPresent
    env: [{name: POD_UID, valueFrom: {fieldRef: {fieldPath: metadata.uid}}}]
    readinessProbe: {httpGet: {path: /now, port: 8090}, periodSeconds: 1}
`

// signalPod can stop the processes of the pods of its node.
const signalPod = `
apiVersion: v1
kind: Pod
metadata: {name: NAME, labels: {app: signal}}
spec:
  nodeName: NODE
  hostPID: true
  restartPolicy: Never
  terminationGracePeriodSeconds: 1
  tolerations: [{operator: Exists}]
  containers:
  - name: load
    image: ` + loadImage + `
    imagePullPolicy: IfNotPresent
    securityContext: {privileged: true, runAsUser: 0}
    readinessProbe: {httpGet: {path: /now, port: 8090}, periodSeconds: 1}
`

// loader is a pod that runs package load.
type loader struct {
	s   *space
	pod string
	uid string
}

// loader waits for such a pod to be ready.
func (s *space) loader(pod string) *loader {
	s.Helper()
	s.kubectl("wait", "--for=condition=Ready", "--timeout=90s", "pod/"+pod)
	return &loader{s, pod, string(get(s, pod, &corev1.Pod{}).UID)}
}

// as gives the same pod to a subtest, whose failures are its own.
func (l *loader) as(t testing.TB) *loader {
	return &loader{&space{TB: t, name: l.s.name}, l.pod, l.uid}
}

func (l *loader) post(path string, body, into any) {
	l.s.Helper()
	if err := on.post(l.s.Context(), l.s.name, l.pod+":8090", path, body, into); err != nil {
		l.s.Fatal(err)
	}
}

// ask sends questions, all at once, and gives the answers in their order.
func (l *loader) ask(questions ...load.Question) []load.Answer {
	l.s.Helper()
	var answers []load.Answer
	l.post("ask", questions, &answers)
	return answers
}

// chat asks each target one question under a key.
func (l *loader) chat(apiKey string, targets ...string) []load.Answer {
	l.s.Helper()
	var questions []load.Question
	for _, target := range targets {
		questions = append(questions, load.Question{
			Method: http.MethodPost, URL: target + "/v1/chat/completions", Body: load.Chat("fake-model", "tokens=3", false),
			Headers: map[string]string{"Authorization": "Bearer " + apiKey, "Content-Type": "application/json"},
		})
	}
	return l.ask(questions...)
}

// reaches waits until a Service's address answers with a status, several times in a row: nodes learn of Services and
// their endpoints a little later than the API server.
func (l *loader) reaches(url string, status int) {
	l.s.Helper()
	const inARow = 5
	n := 0
	eventually(l.s, 30*time.Second, func() string {
		a := l.ask(load.Question{Method: http.MethodGet, URL: url})[0]
		if n++; a.Status != status {
			n = 0
		}
		if n < inARow {
			return fmt.Sprintf("%s answers %d %s %s", url, a.Status, a.Body, a.Error)
		}
		return ""
	})
}

// ahead says by how much the pod's clock is ahead of this process's.
func (l *loader) ahead() time.Duration {
	l.s.Helper()
	var there load.Moment
	before := time.Now()
	if err := on.get(l.s.Context(), l.s.name, l.pod+":8090", "now", &there); err != nil {
		l.s.Fatal(err)
	}
	return there.At.Sub(before.Add(time.Since(before) / 2))
}

// signal stops, continues or kills the processes of a pod on the loader's node.
func (l *loader) signal(podUID string, number int) load.Moment {
	l.s.Helper()
	var done load.Moment
	l.post("signal", load.Signal{PodUID: podUID, Number: number}, &done)
	return done
}

// run is a load under way.
type run struct {
	l  *loader
	id int
}

// begin starts a load, which ends with the test.
func (l *loader) begin(spec load.Spec) *run {
	l.s.Helper()
	r := &run{l: l}
	if spec.Model == "" {
		spec.Model = "fake-model"
	}
	l.post("runs", spec, &r.id)
	l.s.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
		defer cancel()
		// A pod that is gone has stopped.
		_ = on.post(ctx, l.s.name, l.pod+":8090", fmt.Sprintf("runs/%d/stop", r.id), nil, new(load.Report))
	})
	return r
}

// report says how it is going.
func (r *run) report() load.Report {
	r.l.s.Helper()
	var report load.Report
	if err := on.get(r.l.s.Context(), r.l.s.name, r.l.pod+":8090", fmt.Sprintf("runs/%d", r.id), &report); err != nil {
		r.l.s.Fatal(err)
	}
	return report
}

// stop sends no more, and waits for what is under way.
func (r *run) stop() load.Report {
	r.l.s.Helper()
	r.l.post(fmt.Sprintf("runs/%d/stop", r.id), nil, new(load.Report))
	return r.ended()
}

// ended waits for what is under way.
func (r *run) ended() load.Report {
	r.l.s.Helper()
	var report load.Report
	eventually(r.l.s, time.Minute, func() string {
		if report = r.report(); report.Running > 0 {
			return fmt.Sprintf("%d requests have not ended", report.Running)
		}
		return ""
	})
	return report
}

// cut breaks off what is under way.
func (r *run) cut() load.Moment {
	r.l.s.Helper()
	var done load.Moment
	r.l.post(fmt.Sprintf("runs/%d/cut", r.id), nil, &done)
	return done
}

// faultless says what a load must not have suffered; empty is well.
func faultless(total load.Tally) string {
	if total.Sent == 0 || total.OK != total.Sent {
		return fmt.Sprintf("of %d requests %d were answered whole, %d broken, by status %v: %q",
			total.Sent, total.OK, total.Broken, total.Statuses, total.Samples)
	}
	return ""
}

func figures(total load.Tally) string {
	return fmt.Sprintf("%d requests, %d of them streams, %d answered whole; latency p50 %s, p99 %s, max %s",
		total.Sent, total.Streams, total.OK, round(total.P50), round(total.P99), round(total.Max))
}

func round(d time.Duration) time.Duration { return d.Round(100 * time.Microsecond) }

// renamed gives the load pod another name.
func renamed(manifest, name string) string {
	return strings.Replace(manifest, "{name: load,", "{name: "+name+",", 1)
}

// node says where a pod runs.
func (s *space) node(pod string) string {
	s.Helper()
	return get(s, pod, &corev1.Pod{}).Spec.NodeName
}
