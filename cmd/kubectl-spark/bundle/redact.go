// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

// Package bundle puts what is known of a gateway into an archive to send away, without what is secret.
package bundle

import (
	"net/url"
	"regexp"
	"slices"
	"strings"
)

// Redacted stands where something secret stood.
const Redacted = "[redacted]"

var (
	// hidden fields are redacted with all that is below them. A key's prefix is part of the key, and a pattern that is not to
	// pass may spell out what it looks for.
	hidden = []string{
		"annotations", "apikey", "authorization", "clientsecret", "data", "dsn", "extra", "password", "prefix", "regex", "stringdata", "token", "value",
		"volumeattributes",
	}
	// headers are redacted but for their names.
	headers = []string{"headers", "httpheaders", "securityheaders"}
	// commands are redacted but for the names of flags.
	commands = []string{"args", "command"}
)

// Object redacts an object of Kubernetes, as JSON has it, in place: values of headers, environment, annotations and arguments, and
// of URLs all but where they lead. Names of Secrets and of their keys stay; a Secret's values must not come here at all.
func Object(object map[string]any) {
	if metadata, ok := object["metadata"].(map[string]any); ok {
		delete(metadata, "managedFields")
	}
	for name, value := range object {
		object[name] = field(name, value)
	}
}

func field(name string, value any) any {
	lower := strings.ToLower(name)
	switch {
	case slices.Contains(hidden, lower):
		return every(value, func(string, string) string { return Redacted })
	case slices.Contains(headers, lower):
		return every(value, func(under, text string) string {
			if under == "name" {
				return text
			}
			return Redacted
		})
	case slices.Contains(commands, lower):
		return every(value, func(_, text string) string { return argument(text) })
	}
	switch value := value.(type) {
	case map[string]any:
		Object(value)
	case []any:
		for i := range value {
			value[i] = field("", value[i])
		}
	case string:
		return Text(address(lower, value))
	}
	return value
}

// every replaces all strings of a value; under is the name of the field that a string is in, or of its list.
func every(value any, replace func(under, text string) string) any {
	var walk func(under string, value any) any
	walk = func(under string, value any) any {
		switch value := value.(type) {
		case map[string]any:
			for name := range value {
				value[name] = walk(name, value[name])
			}
		case []any:
			for i := range value {
				value[i] = walk(under, value[i])
			}
		case string:
			return replace(under, value)
		}
		return value
	}
	return walk("", value)
}

func argument(text string) string {
	if name, _, ok := strings.Cut(text, "="); ok && strings.HasPrefix(text, "-") {
		return name + "=" + Redacted
	}
	if strings.HasPrefix(text, "-") {
		return text
	}
	return Redacted
}

// address leaves of a URL where it leads. Webhooks often have their secret in the path; a provider's endpoint has none there.
func address(name, text string) string {
	if !strings.Contains(text, "://") || strings.ContainsAny(text, " \n") {
		return text
	}
	at, err := url.Parse(text)
	if err != nil {
		return Redacted
	}
	left := url.URL{Scheme: at.Scheme, Host: at.Host}
	if name == "endpoint" {
		left.Path = at.Path
	}
	shown := left.String()
	if shown != text {
		shown += Redacted
	}
	return shown
}

// secrets are what looks like one in any text, and what stands in its place.
var secrets = []struct {
	pattern *regexp.Regexp
	with    string
}{
	{regexp.MustCompile(`(?s)-----BEGIN [A-Z0-9 ]+-----.*?(-----END [A-Z0-9 ]+-----|$)`), Redacted},
	{regexp.MustCompile(`\beyJ[0-9A-Za-z_-]{8,}(\.[0-9A-Za-z_-]+){1,4}`), Redacted},
	// Of these headers all that follows is secret, in whatever parts.
	{regexp.MustCompile(`(?i)\b(authorization|cookie)(:[ \t]*)[^\s"'\\][^\n"]*`), "$1$2" + Redacted},
	{regexp.MustCompile(`(?i)\b(bearer|basic)[ \t]+[^\s"',;}\]\[]+`), "$1 " + Redacted},
	{regexp.MustCompile(`\bspark-[0-9A-Za-z]{20,}`), Redacted},
	{regexp.MustCompile(`\b(sk|pk|rk|gsk|xai|hf|gh[oprsu]|github_pat|glpat|nvapi|r8|xox[a-z])[-_][0-9A-Za-z_-]{12,}`), Redacted},
	{regexp.MustCompile(`\bAIza[0-9A-Za-z_-]{20,}|\bya29\.[0-9A-Za-z_-]{20,}|\b(AKIA|ASIA)[0-9A-Z]{12,}`), Redacted},
	// A password may have an @ of its own.
	{regexp.MustCompile(`://[^/\s"']+@`), "://" + Redacted + "@"},
	{regexp.MustCompile(`([?&][\w.%~-]+=)[^&\s"'<>\\]+`), "$1" + Redacted},
}

// named is a value whose name says that it is secret: quoted, quoted within a quoted text, or up to a space.
var named = regexp.MustCompile(`(?i)((?:password|passwd|passphrase|secret|token|credential|(?:api|access|private)[-_]?key|authorization|cookie|dsn)` +
	`(?:\\*["'])?[ \t]*[=:][ \t]*)` +
	`(?:(\\+")[^\n]*?(\\+")|(")(?:[^"\\\n]|\\.)*|(')[^'\n]*|(?:\[redacted\])?[^\s"'&}\]\[\\]*)`)

// plain values of such names are no secrets, but say whether there is one.
var plain = []string{"", "true", "false", "null", "[]", "{}"}

// Text redacts what looks like a key, a token, a password or a certificate in any text.
func Text(text string) string {
	for _, s := range secrets {
		text = s.pattern.ReplaceAllString(text, s.with)
	}
	return named.ReplaceAllStringFunc(text, func(found string) string {
		parts := named.FindStringSubmatch(found)
		if slices.Contains(plain, strings.ToLower(found[len(parts[1]):])) {
			return found
		}
		return parts[1] + parts[2] + parts[4] + parts[5] + Redacted + parts[3]
	})
}
