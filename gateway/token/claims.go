// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package token

import (
	"crypto/sha256"
	"encoding/base64"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"github.com/sparkgateway/spark/gateway/config"
	"github.com/sparkgateway/spark/gateway/exchange"
)

// Bounds of what is taken over from claims. What is beyond them is refused and not cut off: a group that was left out
// could be the one that a policy limits.
const (
	maxSubject = 255
	maxText    = 256
	maxValues  = 256
)

// check says what is wrong with the claims that say for whom and when the token is, and else until when it holds.
func (t *parsed) check(is *config.Issuer, now time.Time) (until time.Time, err *exchange.Error) {
	if !slices.ContainsFunc(t.audiences(), func(a string) bool { return slices.Contains(is.Audiences, a) }) {
		return until, errAudience
	}
	expires, ok := date(t.claims["exp"])
	if !ok {
		return until, errExpiry
	}
	skew := is.Skew.Std()
	if until = expires.Add(skew); !now.Before(until) {
		return until, errExpired
	}
	for _, name := range [...]string{"nbf", "iat"} {
		claim, there := t.claims[name]
		if !there {
			continue
		}
		from, ok := date(claim)
		if !ok {
			return until, errMalformed
		}
		if now.Add(skew).Before(from) {
			return until, errNotYet
		}
	}
	return until, nil
}

// audiences are one string or several.
func (t *parsed) audiences() (all []string) {
	claim := t.claims["aud"]
	if one, ok := text(claim); ok {
		return []string{one}
	}
	if json.Unmarshal(claim, &all) != nil {
		return nil
	}
	return all
}

// date reads seconds since 1970, maybe with a fraction.
func date(claim jsontext.Value) (time.Time, bool) {
	const most = 1 << 40 // the year 36812
	if claim.Kind() != '0' {
		return time.Time{}, false
	}
	seconds, err := strconv.ParseFloat(string(claim), 64)
	if err != nil || seconds < 0 || seconds > most {
		return time.Time{}, false
	}
	return time.UnixMilli(int64(seconds * 1000)), true
}

// principal is who the token speaks of.
func (t *parsed) principal(is *issuer) (*exchange.Principal, *exchange.Error) {
	users := scalars(t.claim(is.config.UserClaim))
	if len(users) != 1 || unprintable(users[0]) {
		return nil, errUser
	}
	p := &exchange.Principal{
		Kind: exchange.ByToken, ID: identity(t.issuer, t.subject), User: users[0], Allow: is.allow, Index: -1,
	}
	total := 0
	for _, l := range is.config.Labels {
		values := scalars(t.claim(l.Claim))
		if total += len(values); total > maxValues || slices.ContainsFunc(values, unprintable) {
			return nil, errClaims
		}
		if len(values) == 0 {
			continue
		}
		if p.Labels == nil {
			p.Labels = make(map[string][]string, len(is.config.Labels))
		}
		p.Labels[l.Label] = values
	}
	if teams := p.Labels[config.LabelTeam]; len(teams) > 0 {
		p.Team = teams[0]
	}
	return p, nil
}

// identity is a digest of issuer and subject, which are told apart by the zero byte that no URL has.
func identity(issuer, subject string) string {
	sum := sha256.Sum256([]byte(issuer + "\x00" + subject))
	return base64.RawURLEncoding.EncodeToString(sum[:16])
}

// claim finds a claim by its whole name or else, by the dots in it, within objects.
func (t *parsed) claim(name string) jsontext.Value {
	if claim, ok := t.claims[name]; ok {
		return claim
	}
	within := t.claims
	for {
		outer, inner, deeper := strings.Cut(name, ".")
		claim := within[outer]
		if !deeper || claim == nil {
			return claim
		}
		name, within = inner, nil
		if json.Unmarshal(claim, &within) != nil {
			return nil
		}
	}
}

// scalars gives the texts of a string, number or boolean, or of those in a list; of anything else none.
func scalars(claim jsontext.Value) []string {
	if claim.Kind() != '[' {
		if one, ok := scalar(claim); ok {
			return []string{one}
		}
		return nil
	}
	var list []jsontext.Value
	if json.Unmarshal(claim, &list) != nil {
		return nil
	}
	var all []string
	for _, element := range list {
		if one, ok := scalar(element); ok {
			all = append(all, one)
		}
	}
	return all
}

func scalar(claim jsontext.Value) (string, bool) {
	switch claim.Kind() {
	case '"':
		return text(claim)
	case '0', 't', 'f':
		return string(claim), true
	default:
		return "", false
	}
}

// unprintable says that a text may not stand in logs, metrics and tables.
func unprintable(s string) bool {
	return len(s) > maxText || strings.ContainsFunc(s, func(r rune) bool { return unicode.IsControl(r) || r == '\u2028' || r == '\u2029' })
}
