// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package openai

import (
	"hash/fnv"

	"github.com/sparkgateway/spark/gateway/dialect/chat"
)

// callIDs gives the calls of one request the IDs that the flavor takes: the same for a call and its result, and the same
// whenever the conversation is sent again, so that a provider's cache of it holds.
type callIDs struct {
	mistral bool
	given   map[string]string // by the application's ID
	taken   map[string]bool   // the application's that fit, and those given
}

func (e Encoder) callIDs(r *chat.Request) *callIDs {
	ids := &callIDs{mistral: e.Flavor == Mistral}
	if !ids.mistral {
		return ids
	}
	ids.given, ids.taken = make(map[string]string), make(map[string]bool)
	for i := range r.Messages {
		for _, p := range r.Messages[i].Parts {
			if p.Kind == chat.Call && p.Call != nil && fitsMistral(p.Call.ID) {
				ids.taken[p.Call.ID] = true
			}
		}
	}
	return ids
}

// fit gives an ID as the flavor takes it.
func (ids *callIDs) fit(id string) string {
	if !ids.mistral || fitsMistral(id) {
		return id
	}
	short, ok := ids.given[id]
	for n := 0; !ok; n++ {
		if short = shortened(id, n); !ids.taken[short] {
			ids.given[id], ids.taken[short], ok = short, true, true
		}
	}
	return short
}

// Mistral takes IDs of this many letters and digits.
const (
	mistralID = 9
	alphabet  = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
)

func fitsMistral(id string) bool {
	for _, c := range []byte(id) {
		if (c < '0' || c > '9') && (c|0x20 < 'a' || c|0x20 > 'z') {
			return false
		}
	}
	return len(id) == mistralID
}

// shortened hashes an ID; other attempts give others.
func shortened(id string, attempt int) string {
	h := fnv.New64a()
	h.Write([]byte(id))
	if attempt > 0 {
		h.Write([]byte{0xff, byte(attempt), byte(attempt >> 8), byte(attempt >> 16)})
	}
	sum := h.Sum64()
	var short [mistralID]byte
	for i := range short {
		short[i] = alphabet[sum%uint64(len(alphabet))]
		sum /= uint64(len(alphabet))
	}
	return string(short[:])
}
