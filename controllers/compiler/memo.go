// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package compiler

import (
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/sparkgateway/spark/api/v1alpha1"
	"github.com/sparkgateway/spark/gateway/config"
)

// Memo remembers, from one compilation of a gateway to its next, what was decided on each API key and how shards were
// encoded: of 100,000 keys a change of one then costs little more than a look at the others. What it is given never shows: the
// output is that of Compile. Objects without a resource version, as files have them, are not remembered. The zero value is
// empty. It is not safe for concurrent use.
type Memo struct {
	// round counts compilations, and seen the keys of this one that are remembered.
	round uint64
	seen  int
	// news says that some key of this round was judged otherwise than in the one before, and disputed that two had one secret.
	news     bool
	disputed bool
	keys     map[types.NamespacedName]*judged
	shards   [config.KeyShards]shard
}

// judged is the decision on an API key as far as it does not depend on other keys. The key and the verdict do not change once
// it is made.
type judged struct {
	key     config.Key
	verdict Verdict
	origin  origin
	// round is the last compilation that had the key.
	round uint64
}

// origin is all that such a decision is made from.
type origin struct {
	uid     types.UID
	version string
	// exists says that there is a Secret.
	exists        bool
	secretUID     types.UID
	secretVersion string
	admission     admission
}

// admission is what a gateway makes of the keys of one namespace.
type admission struct {
	permitted Finding
	// labels are those that keys bring along, joined, so that two admissions can be compared.
	labels string
}

// shard is an encoded part, and the decisions that it was made from.
type shard struct {
	from []*judged
	part config.Part
}

// Compile judges every resource of the input and builds the document of those that are served.
func (m *Memo) Compile(in Input) Output {
	m.round++
	m.seen, m.news = 0, false
	if m.keys == nil {
		m.keys = make(map[types.NamespacedName]*judged, len(in.Keys))
	}
	out := (&compilation{in: in, memo: m}).output()
	if len(m.keys) > m.seen {
		for name, j := range m.keys {
			if j.round != m.round {
				delete(m.keys, name)
			}
		}
	}
	return out
}

// recall gives the decision on a key that was made from the same, and nil where there is none.
func (m *Memo) recall(name types.NamespacedName, from *origin) *judged {
	if !from.versioned() {
		return nil
	}
	j := m.keys[name]
	if j == nil || j.origin != *from {
		return nil
	}
	m.see(j)
	return j
}

func (m *Memo) see(j *judged) {
	j.round = m.round
	m.seen++
}

// keep remembers a decision and gives it, or the one before where that is the same: statuses are written all the time, and
// the API server gives a key another version for it.
func (m *Memo) keep(name types.NamespacedName, j *judged) *judged {
	if !j.origin.versioned() {
		m.news = true
		return j
	}
	// A served key's Content is a digest of it.
	if before := m.keys[name]; before != nil && before.verdict == j.verdict {
		before.origin, j = j.origin, before
	} else {
		m.news = true
	}
	m.see(j)
	m.keys[name] = j
	return j
}

// versioned says that the API server tells when the objects change.
func (o *origin) versioned() bool {
	return o.version != "" && (!o.exists || o.secretVersion != "")
}

func originOf(apiKey *v1alpha1.APIKey, secret *corev1.Secret, by admission) origin {
	o := origin{uid: apiKey.UID, version: apiKey.ResourceVersion, admission: by}
	if secret != nil {
		o.exists, o.secretUID, o.secretVersion = true, secret.UID, secret.ResourceVersion
	}
	return o
}

// encode gives the parts of the served keys, which are in order of ID. Shards that are as they were are not encoded again.
func (m *Memo) encode(served []*judged) ([]config.Part, error) {
	var of [config.KeyShards][]*judged
	for _, j := range served {
		i := config.ShardOf(j.key.ID)
		of[i] = append(of[i], j)
	}
	parts := make([]config.Part, config.KeyShards)
	for i, from := range of {
		if !slices.Equal(m.shards[i].from, from) {
			keys := make([]config.Key, len(from))
			for n, j := range from {
				keys[n] = j.key
			}
			part, err := config.EncodeShard(keys)
			if err != nil {
				return nil, err
			}
			m.shards[i] = shard{from, part}
		}
		parts[i] = m.shards[i].part
	}
	return parts, nil
}

// admissions decide on the keys of a namespace once.
type admissions struct {
	c *compilation
	// mentioned are the labels that policies select by, by namespace.
	mentioned map[string][]string
	decided   map[string]admission
}

func (a *admissions) of(namespace string) (admission, []string) {
	names, ok := a.mentioned[namespace]
	if !ok {
		names = onlyTeam
	}
	by, ok := a.decided[namespace]
	if !ok {
		by = admission{a.c.permitted(namespace), strings.Join(names, "\n")}
		a.decided[namespace] = by
	}
	return by, names
}
