// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package load

import (
	"fmt"
	"math"
	"math/rand/v2"
	"strconv"
	"strings"
)

// MaxPromptTokens bounds a prompt.
const MaxPromptTokens = 1_000_000

// Sizes is a distribution of how long prompts are, in tokens. The zero value is no distribution.
type Sizes struct {
	kind string
	a, b float64
}

// ParseSizes reads fixed:200, uniform:50-500 (both ends may occur) or lognormal:200,0.8: the median, and the standard
// deviation of the logarithm.
func ParseSizes(text string) (Sizes, error) {
	kind, rest, _ := strings.Cut(text, ":")
	between := map[string]string{"fixed": "", "uniform": "-", "lognormal": ","}
	separator, known := between[kind]
	if !known {
		return Sizes{}, fmt.Errorf("%q is none of fixed:N, uniform:LEAST-MOST and lognormal:MEDIAN,SIGMA", text)
	}
	s := Sizes{kind: kind}
	first, second := rest, "0"
	if separator != "" {
		var ok bool
		if first, second, ok = strings.Cut(rest, separator); !ok {
			return Sizes{}, fmt.Errorf("%q has one number, of two", text)
		}
	}
	var err error
	if s.a, err = strconv.ParseFloat(first, 64); err == nil {
		s.b, err = strconv.ParseFloat(second, 64)
	}
	switch {
	case err != nil:
		return Sizes{}, fmt.Errorf("%q: these are no numbers", text)
	case !(s.a >= 1 && s.a <= MaxPromptTokens):
		return Sizes{}, fmt.Errorf("%q: a prompt has 1 to %d tokens", text, MaxPromptTokens)
	case kind == "uniform" && !(s.b >= s.a && s.b <= MaxPromptTokens):
		return Sizes{}, fmt.Errorf("%q: the most lies between the least and %d", text, MaxPromptTokens)
	case kind == "lognormal" && !(s.b >= 0 && s.b <= 5):
		return Sizes{}, fmt.Errorf("%q: sigma lies between 0 and 5", text)
	}
	return s, nil
}

// Sample gives the size of one prompt.
func (s Sizes) Sample(random *rand.Rand) int {
	switch s.kind {
	case "uniform":
		return int(s.a) + random.IntN(int(s.b)-int(s.a)+1)
	case "lognormal":
		return int(min(max(1, math.Round(s.a*math.Exp(s.b*random.NormFloat64()))), MaxPromptTokens))
	default:
		return int(s.a)
	}
}

// String is the distribution as ParseSizes reads it.
func (s Sizes) String() string {
	switch s.kind {
	case "uniform":
		return fmt.Sprintf("uniform:%s-%s", number(s.a), number(s.b))
	case "lognormal":
		return fmt.Sprintf("lognormal:%s,%s", number(s.a), number(s.b))
	}
	return "fixed:" + number(s.a)
}
