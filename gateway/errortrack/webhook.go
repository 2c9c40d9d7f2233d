// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package errortrack

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"math/rand/v2"
	"net/http"
	"strconv"
	"sync"
	"time"

	"github.com/sparkgateway/spark/gateway/config"
)

const (
	// batchEvery is how long a group waits for others, maxBatch how many do not wait.
	batchEvery = 5 * time.Second
	maxBatch   = 100
	// tries bounds those of one batch; backoff is the wait before the second, and doubles.
	tries   = 3
	backoff = 500 * time.Millisecond
)

// webhook tells a service of the user's own.
type webhook struct {
	*follower
	gateway, instance string
	client            *http.Client
	complaints        *complaints
	now               func() time.Time
	// since is when the first of those that wait came; zero where none does.
	since time.Time

	aimMu   sync.Mutex
	target  webhookTarget
	changed chan struct{} // closed when the target changes
}

type webhookTarget struct {
	url           string
	authorization config.Secret
}

func (t webhookTarget) same(o webhookTarget) bool {
	return t.url == o.url && t.authorization.Reveal() == o.authorization.Reveal()
}

// use takes another target; one without a URL is none.
func (w *webhook) use(t webhookTarget) {
	w.aimMu.Lock()
	defer w.aimMu.Unlock()
	if t.same(w.target) {
		return
	}
	w.target = t
	w.on.Store(t.url != "")
	close(w.changed)
	w.changed = make(chan struct{})
	w.rouse()
}

func (w *webhook) aim() (webhookTarget, <-chan struct{}) {
	w.aimMu.Lock()
	defer w.aimMu.Unlock()
	return w.target, w.changed
}

func (w *webhook) end() { w.client.CloseIdleConnections() }

func (w *webhook) tell(waiting []*group, last bool) ([]*group, time.Duration) {
	if target, _ := w.aim(); target.url == "" {
		w.leave(waiting)
		w.since = time.Time{}
		return waiting[:0], 0
	}
	for len(waiting) > 0 {
		if w.since.IsZero() {
			w.since = time.Now()
		}
		if left := batchEvery - time.Since(w.since); !last && left > 0 && len(waiting) < maxBatch {
			return waiting, left
		}
		n := min(len(waiting), maxBatch)
		w.batch(waiting[:n])
		w.since = time.Time{}
		waiting = append(waiting[:0], waiting[n:]...)
	}
	return waiting, 0
}

// batch tells of some groups together.
func (w *webhook) batch(groups []*group) {
	body := WebhookBatch{Gateway: w.gateway, Instance: w.instance, Groups: make([]Group, len(groups))}
	since := make([]int64, len(groups))
	now := w.now()
	for i, g := range groups {
		body.Groups[i], since[i] = w.take(g, now)
	}
	text, err := json.Marshal(body)
	if err == nil {
		err = w.deliver(text)
	}
	if err != nil {
		w.complaints.complain("webhook", err)
	}
	for i, g := range groups {
		w.settle(g, since[i], err == nil)
	}
}

// deliver tries until the batch was taken or there is no use in trying again.
func (w *webhook) deliver(body []byte) error {
	wait := backoff
	for try := 1; ; try++ {
		target, changed := w.aim()
		if target.url == "" {
			return errors.New("there is none any more")
		}
		again, err := w.call(target, body)
		if err == nil || !again || try == tries || w.life.Err() != nil {
			return err
		}
		pause := time.NewTimer(wait/2 + rand.N(wait))
		select {
		case <-pause.C:
		case <-changed:
		case <-w.life.Done():
		}
		pause.Stop()
		wait *= 2
	}
}

// call tries once, and says of an error whether trying again may be of use.
func (w *webhook) call(t webhookTarget, body []byte) (bool, error) {
	req, err := http.NewRequestWithContext(w.life, http.MethodPost, t.url, bytes.NewReader(body))
	if err != nil {
		return false, errors.New("the address is no URL")
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("User-Agent", "spark-gateway")
	if t.authorization.Reveal() != "" {
		req.Header.Set("Authorization", t.authorization.Reveal())
	}
	resp, err := w.client.Do(req)
	if err != nil {
		return !errors.Is(err, context.Canceled), withoutURL(err)
	}
	defer func() { _ = resp.Body.Close() }()
	// A connection can be used again only when the answer was read.
	_, _ = io.Copy(io.Discard, io.LimitReader(resp.Body, maxReply))
	switch status := resp.StatusCode; {
	case status/100 == 2:
		return false, nil
	case status == http.StatusTooManyRequests, status == http.StatusRequestTimeout, status >= 500:
		return true, errors.New("it answered with status " + strconv.Itoa(status))
	default:
		return false, errors.New("it refused with status " + strconv.Itoa(status))
	}
}
