// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package live

import (
	"bufio"
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/sparkgateway/spark/controllers/render"
	"github.com/sparkgateway/spark/gateway/config"
	"github.com/sparkgateway/spark/gateway/ledger"
)

// Records gives each the lines of the records of a gateway's requests that ended from a time on and before another, in no order
// and some perhaps twice: from the store where the pods have one, else from every pod. silent says of pods that could not tell
// theirs why; where none could, that is the error. Errors hold no secret.
func (c *Cluster) Records(ctx context.Context, gateway string, from, to time.Time, each func(line []byte) error) (silent []error, err error) {
	credentials, err := c.credentials(ctx, gateway)
	if err != nil {
		return nil, err
	}
	pods, err := c.running(ctx, gateway)
	if err != nil {
		return nil, err
	}
	for _, pod := range pods {
		all, err := c.recordsOf(ctx, credentials, pod, query(from, to), each)
		switch {
		case ctx.Err() != nil:
			return silent, ctx.Err()
		case err != nil:
			silent = append(silent, fmt.Errorf("pod %s: %w", pod, err))
		case all:
			// The store has those of the silent pods too.
			return nil, nil
		}
	}
	if len(silent) == len(pods) {
		return nil, errors.Join(silent...)
	}
	return silent, nil
}

func query(from, to time.Time) string {
	q := url.Values{}
	q.Set("from", from.UTC().Format(time.RFC3339Nano))
	q.Set("to", to.UTC().Format(time.RFC3339Nano))
	return config.RecordsPath + "?" + q.Encode()
}

// running names the pods that may have records, those that are leaving among them.
func (c *Cluster) running(ctx context.Context, gateway string) ([]string, error) {
	list, err := c.clients.CoreV1().Pods(c.Namespace).List(ctx, metav1.ListOptions{LabelSelector: render.GatewayLabel + "=" + gateway})
	if err != nil {
		return nil, err
	}
	var names []string
	for _, p := range list.Items {
		if p.Status.Phase != corev1.PodPending && p.Status.Phase != corev1.PodSucceeded && p.Status.Phase != corev1.PodFailed {
			names = append(names, p.Name)
		}
	}
	if len(names) == 0 {
		return nil, fmt.Errorf("SparkGateway %s/%s has no pod that runs", c.Namespace, gateway)
	}
	slices.Sort(names)
	return names, nil
}

// recordsOf asks one pod. It says whether the pod gave the records of all.
func (c *Cluster) recordsOf(ctx context.Context, credentials *tls.Config, pod, path string, each func([]byte) error) (all bool, err error) {
	most, late := c.silence()
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	timer := time.AfterFunc(most, func() { cancel(late) })
	defer timer.Stop()
	err = c.reach(ctx, pod, render.AdminPort, credentials, func(transport http.RoundTripper, address string) error {
		all, err = export(ctx, transport, address+path, func(body io.Reader) error {
			return Lines(&patient{body, timer, most}, each)
		})
		return err
	})
	return all, err
}

// export asks a pod for its records, which read gets. It says whether the pod gave the records of all.
func export(ctx context.Context, transport http.RoundTripper, where string, read func(body io.Reader) error) (all bool, err error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, "https://"+where, nil)
	if err != nil {
		return false, err
	}
	response, err := transport.RoundTrip(request)
	if err != nil {
		return false, err
	}
	defer func() { _ = response.Body.Close() }()
	switch response.StatusCode {
	case http.StatusOK:
	case http.StatusBadRequest, http.StatusNotFound:
		said, _ := io.ReadAll(io.LimitReader(response.Body, maxProblem))
		if text := strings.TrimSpace(string(said)); text != "" && !strings.Contains(text, "page not found") {
			return false, errors.New(text)
		}
		return false, errors.New("its release keeps no usage records")
	default:
		return false, fmt.Errorf("it answers with status %d", response.StatusCode)
	}
	if err := read(response.Body); err != nil {
		return false, fmt.Errorf("its records break off: %w", err)
	}
	return response.Header.Get(ledger.ScopeHeader) == ledger.ScopeStore, nil
}

// Lines calls each with every line that is not empty, cut to ledger.MaxLine, until it gives an error. Of a line that breaks off
// with an error of from nothing is told.
func Lines(from io.Reader, each func(line []byte) error) error {
	lines := bufio.NewReaderSize(from, ledger.MaxLine)
	for {
		line, err := lines.ReadSlice('\n')
		if err != nil && !errors.Is(err, bufio.ErrBufferFull) && !errors.Is(err, io.EOF) {
			return err
		}
		if line = bytes.TrimSpace(line); len(line) > 0 {
			if err := each(line); err != nil {
				return err
			}
		}
		for errors.Is(err, bufio.ErrBufferFull) {
			_, err = lines.ReadSlice('\n')
		}
		switch {
		case errors.Is(err, io.EOF):
			return nil
		case err != nil:
			return err
		}
	}
}
