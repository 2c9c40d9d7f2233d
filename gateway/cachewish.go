// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package gateway

import (
	"bytes"
	"math"
	"strconv"
	"time"

	"github.com/valyala/fasthttp"
)

const (
	headerCacheControl      = "Cache-Control"
	headerSparkCacheControl = "X-Spark-Cache-Control"
)

var (
	headerSparkCacheTTL  = []byte("X-Spark-Cache-Ttl")
	headerSparkCacheTags = []byte("X-Spark-Cache-Tags")
	headerSparkCacheKey  = []byte("X-Spark-Cache-Key")
)

// cacheWish is what a request says of the cache (RFC 9111 5.2.1).
type cacheWish struct {
	// noCache wants a new answer, which is kept; noStore none that is kept or was; onlyKept none that is new. aged says that there is a
	// maxAge.
	noCache, noStore, onlyKept, aged bool
	// maxAge is the oldest that an answer may be; 0 is any.
	maxAge time.Duration
	// ttl is how long the answer is kept at most; 0 is as configured.
	ttl time.Duration
}

// readCacheWish reads a request's header. X-Spark-Cache-Control is for applications that cannot set Cache-Control; it stands in
// that one's place. Several fields of one name are one list (RFC 9110 5.3). What cannot be read is not there, but for ages, which
// are then taken to be 0 (RFC 9111 4.2.1).
func readCacheWish(h *fasthttp.RequestHeader) (wish cacheWish) {
	if !wish.takeFields(h, headerSparkCacheControl) {
		wish.takeFields(h, headerCacheControl)
	}
	if text := h.PeekCanonical(headerSparkCacheTTL); len(text) > 0 {
		if wish.ttl = seconds(text); wish.ttl == 0 {
			// Kept for no time is not kept.
			wish.noStore = true
		}
	}
	return wish
}

// takeFields takes all fields of a name, and says whether one of them says anything.
func (c *cacheWish) takeFields(h *fasthttp.RequestHeader, name string) (said bool) {
	for _, value := range h.PeekAll(name) {
		said = said || len(value) > 0
		for len(value) > 0 {
			var one []byte
			one, value, _ = bytes.Cut(value, []byte(","))
			c.take(bytes.TrimSpace(one))
		}
	}
	return said
}

func (c *cacheWish) take(directive []byte) {
	name, value, _ := bytes.Cut(directive, []byte("="))
	switch {
	case bytes.EqualFold(name, []byte("no-cache")):
		c.noCache = true
	case bytes.EqualFold(name, []byte("no-store")):
		c.noStore = true
	case bytes.EqualFold(name, []byte("only-if-cached")):
		c.onlyKept = true
	case bytes.EqualFold(name, []byte("max-age")):
		age := seconds(bytes.Trim(value, `"`))
		if !c.aged || age < c.maxAge {
			// Of two, the one that asks for more.
			c.maxAge, c.aged = age, true
		}
		c.noCache = c.noCache || age == 0
	}
}

// seconds reads delta-seconds (RFC 9111 1.2.2), and gives 0 for what are none.
func seconds(text []byte) time.Duration {
	if len(text) == 0 {
		return 0
	}
	for _, c := range text {
		if c < '0' || c > '9' {
			return 0
		}
	}
	n, err := strconv.ParseInt(string(text), 10, 64)
	if err != nil || n > math.MaxInt32 {
		n = math.MaxInt32
	}
	return time.Duration(n) * time.Second
}

// The bounds of what a request says to have its answer found by.
const (
	maxCacheTags     = 8
	maxCacheTagBytes = 128
)

// readCacheTags gives the tags of a request, at most maxCacheTags; those that are too long are left out.
func readCacheTags(h *fasthttp.RequestHeader) (tags []string) {
	said := h.PeekCanonical(headerSparkCacheTags)
	for len(said) > 0 && len(tags) < maxCacheTags {
		var one []byte
		one, said, _ = bytes.Cut(said, []byte(","))
		if one = bytes.TrimSpace(one); len(one) > 0 && len(one) <= maxCacheTagBytes {
			tags = append(tags, string(one))
		}
	}
	return tags
}
