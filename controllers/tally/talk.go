// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package tally

import (
	"slices"
	"strings"
	"time"

	"github.com/sparkgateway/spark/gateway/config"
)

// Ask gives the call for a pod's process, and what takes its answer: that gives the holders of which the sum has grown, and
// ok false where another process answered, from which nothing is taken. Until the Tally is settled nothing is told of others,
// as it might be less than what the process was told before.
func (t *Tally) Ask(pod, instance string, now time.Time) (call config.UsageCall, hear func(*config.UsageAnswer) (grown []string, ok bool)) {
	t.mu.Lock()
	defer t.mu.Unlock()
	p := t.processes[instance]
	if p == nil {
		p = &process{instance: instance, pod: pod}
		t.processes[instance] = p
		t.current[pod] = p
	} else if t.current[pod] == nil {
		t.current[pod] = p
	}
	call = config.UsageCall{Instance: instance, Replicas: max(1, t.serving), After: p.cursor}
	told := p.told
	if t.settle(now) && !p.shared {
		call.Elsewhere, told = t.elsewhere(p)
	}
	return call, func(answer *config.UsageAnswer) ([]string, bool) { return t.hear(p, told, answer) }
}

// elsewhere gives what all but one process counted, of holders of which that has grown since the process was told, the
// oldest changes first; and the change up to which it then is told.
func (t *Tally) elsewhere(p *process) ([]config.HolderUse, int64) {
	var news []*holder
	for h := t.newest; h != nil && h.changed > p.told; h = h.older {
		grown := func(other part) bool { return other.by != p && other.by != t.store && other.changed > p.told }
		if slices.ContainsFunc(h.parts, grown) {
			news = append(news, h)
		}
	}
	told := t.change
	if len(news) > config.MaxHolders {
		news = news[len(news)-config.MaxHolders:]
		told = news[0].changed
	}
	uses := make([]config.HolderUse, 0, len(news))
	for _, h := range slices.Backward(news) {
		uses = append(uses, h.sum(p))
	}
	return uses, told
}

func (t *Tally) hear(p *process, told int64, answer *config.UsageAnswer) ([]string, bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if answer.Instance != p.instance || t.processes[p.instance] != p {
		return nil, false
	}
	p.cursor, p.told, p.shared = answer.Cursor, max(p.told, told), answer.Shared
	p.heard = p.heard || !answer.More
	by := p
	if answer.Shared {
		by = t.store
	}
	var grown []string
	for i := range answer.Holders[:min(len(answer.Holders), config.MaxHolders)] {
		said := &answer.Holders[i]
		if strings.HasPrefix(said.Holder, config.HolderIP) {
			continue
		}
		if t.note(by, said) {
			grown = append(grown, said.Holder)
		}
	}
	t.sheets.fit()
	return grown, true
}
