// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package cache

import (
	"fmt"
	"sync"
	"testing"
)

// keyOfText is the key of a text alone; false where it has none.
func keyOfText(text string) (Key, bool) {
	var k Keying
	k.Reset()
	ok := k.AddCanonical([]byte(text))
	return k.Key(), ok
}

func TestATextThatIsRememberedHasTheKeyThatItHadBefore(t *testing.T) {
	const ordered, other = `{"a":1,"b":[2,3]}`, "{\"b\" : [2, 3],\n\"a\": 1}"
	first, ok := keyOfText(ordered)
	again, okAgain := keyOfText(ordered)
	same, okSame := keyOfText(other)
	if !ok || !okAgain || !okSame || first != again || first != same {
		t.Errorf("keys %x, %x, %x; %t, %t, %t", first, again, same, ok, okAgain, okSame)
	}
	if different, _ := keyOfText(`{"a":1,"b":[3,2]}`); different == first {
		t.Error("another text has the same key")
	}
	for range 2 {
		if _, ok := keyOfText(`{"a":1,"a":2}`); ok {
			t.Error("a text without a canonical form has a key")
		}
	}
}

func TestTextsThatShareASlotAreToldApart(t *testing.T) {
	m := newMemo()
	a, b := [2]uint64{7, 1}, [2]uint64{7 + memoSlots, 2}
	m.put(a, [32]byte{1})
	if m.find(b) != nil || m.find([2]uint64{7, 2}) != nil {
		t.Error("one text is taken for another")
	}
	m.put(b, [32]byte{2})
	if m.find(a) != nil || m.find(b) == nil || m.find(b).digest != [32]byte{2} {
		t.Error("the later text is not the one that is remembered")
	}
}

func TestManyTextsAtOnceHaveTheirOwnKeys(t *testing.T) {
	want := map[string]Key{}
	for i := range 100 {
		text := fmt.Sprintf(`{"n":%d}`, i)
		want[text], _ = keyOfText(text)
	}
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			for range 50 {
				for text, key := range want {
					if got, ok := keyOfText(text); !ok || got != key {
						t.Errorf("%s has another key", text)
					}
				}
			}
		})
	}
	all.Wait()
}
