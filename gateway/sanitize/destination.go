// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package sanitize

import "strings"

// nowhere stands for the URL of an image that may not be loaded. Its beginning is harmless to destination.
const nowhere = "about:blank"

// hostSet is hosts that may be linked to: exact names, and "." and a domain for those below it.
type hostSet struct {
	exact   map[string]bool
	domains []string
}

func newHostSet(hosts []string) *hostSet {
	set := &hostSet{exact: map[string]bool{}}
	for _, host := range hosts {
		if domain, ok := strings.CutPrefix(host, "*"); ok {
			set.domains = append(set.domains, domain)
		} else {
			set.exact[host] = true
		}
	}
	return set
}

// has says whether the set has a host that is in lower case.
func (s *hostSet) has(host []byte) bool {
	if s.exact[string(host)] {
		return true
	}
	for _, domain := range s.domains {
		if len(host) > len(domain) && string(host[len(host)-len(domain):]) == domain {
			return true
		}
	}
	return false
}

// judgement is what is known of a URL.
type judgement uint8

const (
	undecided judgement = iota
	// harmless is what loads nothing from elsewhere, or from where that is allowed.
	harmless
	foreign
)

const (
	// maxAuthority is the longest of a URL, in bytes; longer ones are foreign.
	maxAuthority = 300
	// maxSegment is where a relative URL shows at the latest: no scheme of a URL that loads anything is as long.
	maxSegment = 64
)

// destination reads a URL up to where it shows whither it leads. Whatever a browser or a renderer could read in another way
// is foreign: backslashes, entities, escapes, userinfo, white space and control characters, invisible characters, hosts that
// are not plain names.
type destination struct {
	// held is what was read, at most maxAuthority bytes and a scheme.
	held  []byte
	part  uint8
	start int // of the authority in held
}

const (
	partFirst     uint8 = iota // a scheme, or the first segment of a path
	partSlash                  // behind a slash at the beginning
	partScheme                 // behind http: or https:
	partScheme2                // and a slash
	partAuthority              // behind //
)

func (d *destination) reset() { d.held, d.part = d.held[:0], partFirst }

// add reads a byte.
func (d *destination) add(c byte, hosts *hostSet) judgement {
	before := len(d.held)
	d.held = append(d.held, c)
	switch d.part {
	case partFirst:
		return d.first(c, before)
	case partSlash:
		if c == '/' {
			d.authority()
			return undecided
		}
		if odd(c) {
			return foreign
		}
		return harmless
	case partScheme, partScheme2:
		if c != '/' {
			return foreign
		}
		if d.part++; d.part == partAuthority {
			d.authority()
		}
		return undecided
	default:
		switch {
		case c == '/', c == '?', c == '#':
			return d.host(d.held[d.start:before], hosts)
		case hostByte(c) && len(d.held)-d.start <= maxAuthority:
			return undecided
		}
		return foreign
	}
}

func (d *destination) authority() { d.part, d.start = partAuthority, len(d.held) }

func (d *destination) first(c byte, before int) judgement {
	switch {
	case c == ':':
		return d.scheme(d.held[:before])
	case c == '/' && before == 0:
		d.part = partSlash
		return undecided
	case c == '/', c == '?', c == '#':
		return harmless
	case c != ' ' && odd(c), before == 0 && odd(c):
		return foreign
	case c >= 0x80, c == ' ', len(d.held) >= maxSegment: // none of which is a scheme's
		return harmless
	}
	return undecided
}

func (d *destination) scheme(scheme []byte) judgement {
	switch strings.ToLower(string(scheme)) {
	case "http", "https":
		d.part = partScheme
		return undecided
	case "data", "about", "blob", "cid", "attachment", "sandbox": // what is here already
		return harmless
	}
	return foreign
}

// end says that the URL ended.
func (d *destination) end(hosts *hostSet) judgement {
	switch d.part {
	case partFirst, partSlash:
		return harmless
	case partAuthority:
		return d.host(d.held[d.start:], hosts)
	}
	return foreign
}

// host judges an authority without userinfo.
func (d *destination) host(authority []byte, hosts *hostSet) judgement {
	var name [maxAuthority]byte
	n := 0
	for n < len(authority) && authority[n] != ':' {
		c := authority[n]
		if c >= 'A' && c <= 'Z' {
			c += 'a' - 'A'
		}
		name[n] = c
		n++
	}
	for _, c := range authority[min(n+1, len(authority)):] {
		if c < '0' || c > '9' {
			return foreign
		}
	}
	if n > 1 && name[n-1] == '.' {
		n--
	}
	if n > 0 && hosts.has(name[:n]) {
		return harmless
	}
	return foreign
}

// hostByte says whether a byte may be of a host or a port.
func hostByte(c byte) bool {
	return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || c == '.' || c == '-' || c == '_' || c == ':'
}

// odd says whether a byte may mean something else to somebody, or nothing: the last ones begin characters that are not seen.
func odd(c byte) bool {
	return c <= ' ' || c == 0x7F || c == '\\' || c == '&' || c == 0xC2 || c == 0xE2 || c == 0xEF || c == 0xF3
}
