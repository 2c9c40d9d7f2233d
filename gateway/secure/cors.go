// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package secure

import (
	"bytes"
	"strconv"
	"strings"
	"time"

	"github.com/sparkgateway/spark/gateway/config"
)

var (
	allowOrigin      = []byte("Access-Control-Allow-Origin")
	allowCredentials = []byte("Access-Control-Allow-Credentials")
	allowMethods     = []byte("Access-Control-Allow-Methods")
	allowHeaders     = []byte("Access-Control-Allow-Headers")
	exposeHeaders    = []byte("Access-Control-Expose-Headers")
	maxAge           = []byte("Access-Control-Max-Age")
	vary             = []byte("Vary")
	star             = []byte("*")
	wordTrue         = []byte("true")
)

// written are the header fields of answers that the gateway writes, or passes on, and a script has a use for.
var written = []string{
	"anthropic-ratelimit-requests-limit", "anthropic-ratelimit-requests-remaining", "anthropic-ratelimit-requests-reset",
	"anthropic-ratelimit-tokens-limit", "anthropic-ratelimit-tokens-remaining", "anthropic-ratelimit-tokens-reset",
	"openai-processing-ms", "request-id", "retry-after", "retry-after-ms",
	"x-ratelimit-limit-requests", "x-ratelimit-limit-tokens", "x-ratelimit-remaining-requests", "x-ratelimit-remaining-tokens",
	"x-ratelimit-reset-requests", "x-ratelimit-reset-tokens",
	"x-request-id", "x-should-retry",
	"x-spark-cache", "x-spark-cache-reason", "x-spark-cache-similarity", "x-spark-cost", "x-spark-limit", "x-spark-models-missing",
	"x-spark-next", "x-spark-reason", "x-spark-sanitizer", "x-spark-upstream-request-id",
}

// maxAsked bounds the list of headers that a preflight asks for and is given back.
const maxAsked = 4 << 10

// CORS is what scripts of other origins may do (Fetch standard, 3.3). nil lets none do anything. It is immutable and safe for
// concurrent use.
type CORS struct {
	any    bool
	exact  map[string]bool
	below  []domain
	static []byte // the origin that may be told to whoever asks: "*", or the only one

	credentials, anyHeader        bool
	methods, headers, expose, age []byte
	// varies is the field Vary of answers, variesMore that of preflights.
	varies, variesMore []byte
}

// domain is all origins of a scheme and port below a domain: scheme ends with "://", and rest begins with a dot.
type domain struct{ scheme, rest string }

// NewCORS takes what a document says, nil for nothing. fields are those of Headers, one of which may be Vary.
func NewCORS(from *config.CORS, fields []config.Header) *CORS {
	if from == nil {
		return nil
	}
	c := &CORS{
		exact: map[string]bool{}, credentials: from.AllowCredentials,
		methods: []byte(strings.Join(from.AllowMethods, ", ")), headers: []byte(strings.Join(from.AllowHeaders, ", ")),
		expose: []byte(strings.Join(append(append([]string(nil), written...), from.ExposeHeaders...), ", ")),
		age:    strconv.AppendInt(nil, int64(from.MaxAge.Std()/time.Second), 10),
	}
	c.anyHeader = string(c.headers) == "*"
	for _, origin := range from.AllowOrigins {
		c.add(withoutOwnPort(origin))
	}
	switch {
	case c.any:
		c.static = star
	case len(from.AllowOrigins) == 1 && len(c.below) == 0:
		c.static = []byte(withoutOwnPort(from.AllowOrigins[0]))
	}
	varies := "Origin"
	for _, f := range fields {
		if f.Name == "Vary" && f.Value != "" {
			varies = f.Value + ", " + varies
		}
	}
	c.varies = []byte(varies)
	c.variesMore = []byte(varies + ", Access-Control-Request-Method, Access-Control-Request-Headers")
	return c
}

func (c *CORS) add(origin string) {
	scheme, host, _ := strings.Cut(origin, "://")
	switch {
	case origin == "*":
		c.any = true
	case strings.HasPrefix(host, "*."):
		c.below = append(c.below, domain{scheme + "://", host[1:]})
	default:
		c.exact[origin] = true
	}
}

// withoutOwnPort leaves out the port that browsers leave out.
func withoutOwnPort(origin string) string {
	switch {
	case strings.HasPrefix(origin, "https://"):
		return strings.TrimSuffix(origin, ":443")
	case strings.HasPrefix(origin, "http://"):
		return strings.TrimSuffix(origin, ":80")
	}
	return origin
}

// Allows says whether an origin's scripts may use the gateway. No CORS restricts nobody who is no browser, and no origin is no
// script's.
func (c *CORS) Allows(origin []byte) bool {
	if c == nil || len(origin) == 0 || c.any || c.exact[string(origin)] {
		return true
	}
	for _, d := range c.below {
		if len(origin) > len(d.scheme)+len(d.rest) && bytes.HasPrefix(origin, []byte(d.scheme)) && bytes.HasSuffix(origin, []byte(d.rest)) &&
			labels(origin[len(d.scheme):len(origin)-len(d.rest)]) {
			return true
		}
	}
	return false
}

// labels says that what stands before a domain is a part of a host's name, and nothing that a browser would read otherwise.
func labels(host []byte) bool {
	for _, b := range host {
		if (b < 'a' || b > 'z') && (b < '0' || b > '9') && b != '-' && b != '.' && b != '_' {
			return false
		}
	}
	return host[0] != '.'
}

// Apply sets the fields that an answer carries, errors and streams included. An origin that is not allowed gets none that allows
// anything. No origin, as of a request that could not be read, gets what may be told to anybody. It does not allocate.
func (c *CORS) Apply(to Setter, origin []byte) {
	if c == nil {
		return
	}
	if !c.any {
		to.SetCanonical(vary, c.varies)
	}
	if c.static != nil && (len(origin) == 0 || c.any) {
		origin = c.static
	}
	if len(origin) == 0 || !c.any && !c.Allows(origin) {
		return
	}
	to.SetCanonical(allowOrigin, origin)
	to.SetCanonical(exposeHeaders, c.expose)
	if c.credentials {
		to.SetCanonical(allowCredentials, wordTrue)
	}
}

// Preflight sets the fields of the answer to a preflight, which asks for headers, beside those of Apply.
func (c *CORS) Preflight(to Setter, origin, asked []byte) {
	if c == nil {
		return
	}
	to.SetCanonical(vary, c.variesMore)
	if !c.Allows(origin) {
		return
	}
	if len(c.methods) > 0 {
		to.SetCanonical(allowMethods, c.methods)
	}
	switch {
	case c.anyHeader && names(asked):
		// A star would not stand for Authorization, nor for anything where credentials are allowed.
		to.SetCanonical(allowHeaders, asked)
	case !c.anyHeader && len(c.headers) > 0:
		to.SetCanonical(allowHeaders, c.headers)
	}
	to.SetCanonical(maxAge, c.age)
}

// names says that a value is a list of header names.
func names(list []byte) bool {
	for _, b := range list {
		if (b|0x20 < 'a' || b|0x20 > 'z') && (b < '0' || b > '9') && !strings.ContainsRune("!#$%&'*+-.^_`|~, ", rune(b)) {
			return false
		}
	}
	return len(list) > 0 && len(list) <= maxAsked
}
