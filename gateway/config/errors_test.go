// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package config_test

import (
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/sparkgateway/spark/gateway/config"
)

func TestErrorGroupsOfSeveralProcessesAreOne(t *testing.T) {
	at := func(seconds int) time.Time { return time.Unix(int64(seconds), 0).UTC() }
	group := func(name string, count int64, first, last int) config.ErrorGroup {
		return config.ErrorGroup{
			Fingerprint: name, Count: count, LastHour: count - 1, First: at(first), Last: at(last),
			Sample: at(first).String(), LastRequestID: at(last).String(),
		}
	}
	for name, test := range map[string]struct {
		all  [][]config.ErrorGroup
		want []config.ErrorGroup
	}{
		"none is an empty list": {nil, []config.ErrorGroup{}},
		"one process":           {[][]config.ErrorGroup{{group("a", 1, 1, 1)}, nil}, []config.ErrorGroup{group("a", 1, 1, 1)}},
		"the last seen comes first": {
			[][]config.ErrorGroup{{group("a", 1, 1, 1), group("c", 1, 1, 2)}, {group("b", 1, 1, 2)}},
			[]config.ErrorGroup{group("b", 1, 1, 2), group("c", 1, 1, 2), group("a", 1, 1, 1)},
		},
		"counts are summed, the first one's words stand": {
			[][]config.ErrorGroup{{group("a", 3, 5, 9)}, {group("a", 4, 2, 20)}, {group("a", 2, 3, 4)}},
			[]config.ErrorGroup{{
				Fingerprint: "a", Count: 9, LastHour: 6, First: at(2), Last: at(20), Sample: at(2).String(), LastRequestID: at(20).String(),
			}},
		},
	} {
		t.Run(name, func(t *testing.T) {
			if diff := cmp.Diff(test.want, config.MergeErrorGroups(test.all...)); diff != "" {
				t.Error(diff)
			}
			slices.Reverse(test.all)
			if diff := cmp.Diff(test.want, config.MergeErrorGroups(test.all...)); diff != "" {
				t.Errorf("in another order: %s", diff)
			}
		})
	}
}

func TestMergingErrorGroupsChangesNone(t *testing.T) {
	one := []config.ErrorGroup{{Fingerprint: "a", Count: 1}}
	config.MergeErrorGroups(one, []config.ErrorGroup{{Fingerprint: "a", Count: 5}})
	if one[0].Count != 1 {
		t.Errorf("got %d", one[0].Count)
	}
}
