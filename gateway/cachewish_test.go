// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package gateway

import (
	"math"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/valyala/fasthttp"
)

// headerOf gives a header of fields, "name: value" each.
func headerOf(fields ...string) *fasthttp.RequestHeader {
	h := &fasthttp.RequestHeader{}
	for _, f := range fields {
		name, value, _ := strings.Cut(f, ": ")
		h.Add(name, value)
	}
	return h
}

func TestWhatARequestSaysOfTheCache(t *testing.T) {
	const longest = math.MaxInt32 * time.Second
	tests := map[string]struct {
		fields []string
		want   cacheWish
	}{
		"nothing":                               {},
		"no-cache":                              {fields: []string{"Cache-Control: no-cache"}, want: cacheWish{noCache: true}},
		"no-store":                              {fields: []string{"Cache-Control: no-store"}, want: cacheWish{noStore: true}},
		"only-if-cached":                        {fields: []string{"Cache-Control: only-if-cached"}, want: cacheWish{onlyKept: true}},
		"names in any case":                     {fields: []string{"cache-control: No-Store, MAX-AGE=5"}, want: cacheWish{noStore: true, maxAge: 5 * time.Second, aged: true}},
		"white space around":                    {fields: []string{"Cache-Control: \t no-cache \t,,  no-store  "}, want: cacheWish{noCache: true, noStore: true}},
		"an age":                                {fields: []string{"Cache-Control: max-age=60"}, want: cacheWish{maxAge: time.Minute, aged: true}},
		"an age in quotes":                      {fields: []string{`Cache-Control: max-age="60"`}, want: cacheWish{maxAge: time.Minute, aged: true}},
		"an age of 0 wants a new one":           {fields: []string{"Cache-Control: max-age=0"}, want: cacheWish{noCache: true, aged: true}},
		"an age that is no number is 0":         {fields: []string{"Cache-Control: max-age=soon"}, want: cacheWish{noCache: true, aged: true}},
		"a negative age is 0":                   {fields: []string{"Cache-Control: max-age=-1"}, want: cacheWish{noCache: true, aged: true}},
		"an age without a number is 0":          {fields: []string{"Cache-Control: max-age"}, want: cacheWish{noCache: true, aged: true}},
		"an age beyond all numbers":             {fields: []string{"Cache-Control: max-age=" + strings.Repeat("9", 40)}, want: cacheWish{maxAge: longest, aged: true}},
		"an age that would overflow":            {fields: []string{"Cache-Control: max-age=9223372036854775807"}, want: cacheWish{maxAge: longest, aged: true}},
		"of two ages the less":                  {fields: []string{"Cache-Control: max-age=10, max-age=60"}, want: cacheWish{maxAge: 10 * time.Second, aged: true}},
		"of two ages the less, in any order":    {fields: []string{"Cache-Control: max-age=60, max-age=10"}, want: cacheWish{maxAge: 10 * time.Second, aged: true}},
		"of two ages 0":                         {fields: []string{"Cache-Control: max-age=0, max-age=60"}, want: cacheWish{noCache: true, aged: true}},
		"several fields":                        {fields: []string{"Cache-Control: max-age=60", "Cache-Control: no-store"}, want: cacheWish{noStore: true, maxAge: time.Minute, aged: true}},
		"several fields, the first empty":       {fields: []string{"Cache-Control: ", "Cache-Control: no-store"}, want: cacheWish{noStore: true}},
		"what is not known":                     {fields: []string{"Cache-Control: immutable, x=no-store, no-storeX"}},
		"Spark's own stands for the other":      {fields: []string{"Cache-Control: no-store", "X-Spark-Cache-Control: no-cache"}, want: cacheWish{noCache: true}},
		"an empty one of Spark's own does not":  {fields: []string{"Cache-Control: no-store", "X-Spark-Cache-Control: "}, want: cacheWish{noStore: true}},
		"how long":                              {fields: []string{"X-Spark-Cache-TTL: 30"}, want: cacheWish{ttl: 30 * time.Second}},
		"for no time":                           {fields: []string{"X-Spark-Cache-TTL: 0"}, want: cacheWish{noStore: true}},
		"for a time that is no number":          {fields: []string{"X-Spark-Cache-TTL: 1h"}, want: cacheWish{noStore: true}},
		"for longer than there are numbers for": {fields: []string{"X-Spark-Cache-TTL: 99999999999999999999"}, want: cacheWish{ttl: longest}},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			got := readCacheWish(headerOf(test.fields...))
			if diff := cmp.Diff(test.want, got, cmp.AllowUnexported(cacheWish{})); diff != "" {
				t.Errorf("wish (-want +got):\n%s", diff)
			}
		})
	}
}

func TestWhatARequestSaysOfTheCacheTakesNoMemory(t *testing.T) {
	h := headerOf("Content-Type: application/json", "Cache-Control: max-age=60, no-cache", "Cache-Control: no-store")
	if n := testing.AllocsPerRun(100, func() { readCacheWish(h) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

func TestTagsAreBounded(t *testing.T) {
	long := strings.Repeat("x", maxCacheTagBytes)
	tests := map[string]struct {
		said string
		want []string
	}{
		"none":                        {},
		"one":                         {said: "a", want: []string{"a"}},
		"several":                     {said: " a , b,,c ", want: []string{"a", "b", "c"}},
		"the longest":                 {said: long, want: []string{long}},
		"one that is too long":        {said: long + "x, b", want: []string{"b"}},
		"more than there is room for": {said: strings.Repeat("a,", 100), want: []string{"a", "a", "a", "a", "a", "a", "a", "a"}},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			if diff := cmp.Diff(test.want, readCacheTags(headerOf("X-Spark-Cache-Tags: "+test.said))); diff != "" {
				t.Errorf("tags (-want +got):\n%s", diff)
			}
		})
	}
}
