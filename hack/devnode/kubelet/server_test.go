// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package kubelet

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/go-logr/logr"
	corev1 "k8s.io/api/core/v1"
)

const logPath = "/containerLogs/shop/till/gateway"

func TestOnlyTheAPIServerIsServed(t *testing.T) {
	b := newBed(t)
	b.log.Begin()
	for _, path := range []string{logPath, "/portForward/shop/till", "/exec/shop/till/gateway", "/"} {
		t.Run("without a certificate, "+path, func(t *testing.T) {
			response, err := b.showing().Get(b.url + path)
			if err != nil {
				t.Fatal(err)
			}
			defer func() { _ = response.Body.Close() }()
			if response.StatusCode != http.StatusUnauthorized {
				t.Errorf("answered %s", response.Status)
			}
		})
	}
	for name, certificate := range map[string]tls.Certificate{
		"with another authority's certificate":                         newSigner(t).client(),
		"with a certificate of the authority that signed the server's": b.servers.client(),
		"with a server's certificate": b.clients.make(&x509.Certificate{
			ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}}),
	} {
		t.Run(name, func(t *testing.T) {
			response, err := b.showing(certificate).Get(b.url + logPath)
			if err == nil {
				_ = response.Body.Close()
				// a client that the authority is not announced for shows nothing
				if response.StatusCode != http.StatusUnauthorized {
					t.Errorf("answered %s", response.Status)
				}
			}
		})
	}
	if status, body := b.get(logPath); status != http.StatusOK {
		t.Errorf("the API server itself got %d: %s", status, body)
	}
	if _, err := Start(&tls.Config{}, b, logr.Discard()); err == nil {
		t.Error("a server that would know nobody was started")
	}
}

func TestWhatCannotBeServedIsRefused(t *testing.T) {
	b := newBed(t)
	b.log.Begin()
	for name, tc := range map[string]struct {
		path       string
		wantStatus int
		want       string
	}{
		"exec":                           {"/exec/shop/till/gateway", 501, "starts nothing in them"},
		"attach":                         {"/attach/shop/till/gateway", 501, "attaches to none"},
		"another kubelet's endpoint":     {"/pods", 404, ""},
		"the log of another pod":         {"/containerLogs/shop/other/gateway", 404, `no pod "other" in namespace "shop"`},
		"a pod of another namespace":     {"/containerLogs/other/till/gateway", 404, `no pod "till" in namespace "other"`},
		"the log of another container":   {"/containerLogs/shop/till/sidecar", 404, `container "sidecar" not found`},
		"a port of another pod":          {"/portForward/shop/other", 404, `no pod "other"`},
		"a port without an upgrade":      {"/portForward/shop/till", 400, "upgrade"},
		"the log of no container before": {logPath + "?previous=true", 400, `previous terminated container "gateway" in pod "till" not found`},
		"one output":                     {logPath + "?stream=Stderr", 400, "keeps both outputs together"},
		"a flag that is none":            {logPath + "?follow=perhaps", 400, "follow: neither true nor false"},
		"lines that cannot be":           {logPath + "?tailLines=-1", 400, "tailLines: not a whole number from 0 on"},
		"bytes that cannot be":           {logPath + "?limitBytes=0", 400, "limitBytes: not a whole number from 1 on"},
		"seconds that are no number":     {logPath + "?sinceSeconds=1e9", 400, "sinceSeconds: not a whole number"},
		"a time that is none":            {logPath + "?sinceTime=yesterday", 400, "sinceTime: not a time"},
		"two times":                      {logPath + "?sinceSeconds=1&sinceTime=2026-05-04T12:00:00Z", 400, "only one of them"},
	} {
		t.Run(name, func(t *testing.T) {
			status, body := b.get(tc.path)
			if status != tc.wantStatus || !strings.Contains(body, tc.want) {
				t.Errorf("answered %d %q, want %d with %q", status, body, tc.wantStatus, tc.want)
			}
		})
	}
}

func TestAPodThatHasNotBegunSaysWhy(t *testing.T) {
	b := newBed(t)
	b.change(func(p *Pod) { p.Log, p.Address = nil, "" })
	for name, waits := range map[string]*corev1.ContainerStateWaiting{
		"ContainerCreating": nil,
		"ErrImagePull":      {Reason: "ErrImagePull"},
		`ContainerCreating: Secret "x" not found`: {Reason: "ContainerCreating", Message: `Secret "x" not found`},
	} {
		b.change(func(p *Pod) { p.Waiting = waits })
		for _, path := range []string{logPath, logPath + "?previous=true", "/portForward/shop/till"} {
			status, body := b.get(path)
			if want := `container "gateway" in pod "till" is waiting to start: ` + name; status != 400 || strings.TrimSpace(body) != want {
				t.Errorf("%s answered %d %q, want %q", path, status, body, want)
			}
		}
	}
}

func TestALogIsReadAsAsked(t *testing.T) {
	b := newBed(t)
	c := b.log.Begin()
	_, _ = io.WriteString(c, "before\n")
	c = b.log.Begin()
	_, _ = io.WriteString(c, "one\ntwo\nthree\n")
	now := time.Now()
	for query, want := range map[string]string{
		"":                                  "one\ntwo\nthree\n",
		"?stream=All&timestamps=false":      "one\ntwo\nthree\n",
		"?tailLines=1":                      "three\n",
		"?tailLines=0":                      "",
		"?limitBytes=5":                     "one\nt",
		"?previous=true":                    "before\n",
		"?sinceSeconds=3600":                "one\ntwo\nthree\n",
		"?sinceSeconds=9223372036854775807": "one\ntwo\nthree\n",
		"?sinceTime=" + now.Add(time.Hour).UTC().Format(time.RFC3339):  "",
		"?sinceTime=" + now.Add(-time.Hour).UTC().Format(time.RFC3339): "one\ntwo\nthree\n",
	} {
		if status, body := b.get(logPath + query); status != http.StatusOK || body != want {
			t.Errorf("%q gives %d %q, want %q", query, status, body, want)
		}
	}
	_, body := b.get(logPath + "?timestamps=true&tailLines=1")
	at, line, _ := strings.Cut(body, " ")
	written, err := time.Parse(time.RFC3339Nano, at)
	if err != nil || line != "three\n" || now.Sub(written).Abs() > time.Minute {
		t.Errorf("with its time the last line is %q", body)
	}
}

func TestAFollowerIsToldAtOnceUntilTheEnd(t *testing.T) {
	b := newBed(t)
	c := b.log.Begin()
	response := b.open(t.Context(), logPath+"?follow=true") // returns before there is a line
	defer func() { _ = response.Body.Close() }()
	buffer := make([]byte, 100)
	for _, line := range []string{"one\n", "two\n"} {
		_, _ = io.WriteString(c, line)
		b.within("a line", func() {
			if n, err := response.Body.Read(buffer); err != nil || string(buffer[:n]) != line {
				t.Errorf("read %q, %v; want %q", buffer[:n], err, line)
			}
		})
	}
	c.End()
	b.within("the end", func() {
		if rest, err := io.ReadAll(response.Body); err != nil || len(rest) > 0 {
			t.Errorf("then %q, %v", rest, err)
		}
	})
}

func TestFollowersWhoGoLeaveTheirPlaces(t *testing.T) {
	b := newBed(t)
	b.log.Begin()
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	for range maxRequests {
		response := b.open(ctx, logPath+"?follow=true")
		defer func() { _ = response.Body.Close() }()
	}
	if status, body := b.get(logPath); status != http.StatusTooManyRequests || !strings.Contains(body, fmt.Sprint(maxRequests)) {
		t.Errorf("one more was answered %d %q", status, body)
	}
	cancel()
	b.within("the next one's turn", func() {
		for status := 0; status != http.StatusOK; {
			status, _ = b.get(logPath)
		}
	})
}

func TestCloseEndsFollowers(t *testing.T) {
	b := newBed(t)
	b.log.Begin()
	response := b.open(t.Context(), logPath+"?follow=true")
	defer func() { _ = response.Body.Close() }()
	b.within("Close", b.Close)
	b.within("the follower's end", func() { _, _ = io.ReadAll(response.Body) })
	if _, err := b.http.Get(b.url + logPath); err == nil {
		t.Error("a closed server answers")
	}
}

func TestALogThatCannotBeReadIsNotAnEmptyOne(t *testing.T) {
	b := newBed(t)
	_, _ = io.WriteString(b.log.Begin(), "one\n")
	if err := os.Remove(b.file); err != nil {
		t.Fatal(err)
	}
	if status, body := b.get(logPath); status != http.StatusInternalServerError || !strings.Contains(body, "cannot be read") {
		t.Errorf("answered %d %q", status, body)
	}
}
