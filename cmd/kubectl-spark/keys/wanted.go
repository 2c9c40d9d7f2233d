// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

// Package keys makes APIKeys of what people write at the command line.
package keys

import (
	"errors"
	"fmt"
	"math"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/sparkgateway/spark/api/v1alpha1"
)

// Wanted is a key as its flags say it. What is empty is left to the gateway.
type Wanted struct {
	Namespace, Name string
	// Gateways are names, or "namespace/name".
	Gateways []string
	User     string
	Role     string
	// Labels are "key=value", as UsagePolicies choose keys by.
	Labels []string
	// Models, Endpoints and CIDRs are what the key may be used for.
	Models, Endpoints, CIDRs []string
	// Expires is a date, a time (RFC 3339), or how long from now, such as 720h or 90d.
	Expires string
	// Budgets are "50/Month"; Requests and Tokens "60/1m".
	Budgets, Requests, Tokens []string
	// Concurrency is 0 for no limit.
	Concurrency int32
	// RotateEvery and Overlap are durations.
	RotateEvery, Overlap string
}

// APIKey gives the resource. The rules of its fields are the API server's to check.
func (w *Wanted) APIKey(now time.Time) (*v1alpha1.APIKey, error) {
	key := &v1alpha1.APIKey{
		TypeMeta:   metav1.TypeMeta{APIVersion: v1alpha1.GroupVersion.String(), Kind: v1alpha1.KindAPIKey},
		ObjectMeta: metav1.ObjectMeta{Namespace: w.Namespace, Name: w.Name},
	}
	if len(w.Gateways) == 0 {
		return nil, errors.New("on which gateway? Name a SparkGateway with --gateway")
	}
	if w.User == "" {
		return nil, errors.New("whose key? Say with --user whom it is given to")
	}
	key.Spec.User = w.User
	for _, name := range w.Gateways {
		ref := v1alpha1.GatewayReference{Name: name}
		if namespace, short, ok := strings.Cut(name, "/"); ok {
			ref = v1alpha1.GatewayReference{Namespace: namespace, Name: short}
		}
		key.Spec.GatewayRefs = append(key.Spec.GatewayRefs, ref)
	}
	for _, l := range w.Labels {
		name, value, ok := strings.Cut(l, "=")
		if !ok {
			return nil, fmt.Errorf("--label %s: write key=value", l)
		}
		if key.Labels == nil {
			key.Labels = map[string]string{}
		}
		key.Labels[name] = value
	}
	if w.Role != "" {
		roles := []v1alpha1.KeyRole{v1alpha1.RoleUser, v1alpha1.RoleMaster}
		at := slices.IndexFunc(roles, func(r v1alpha1.KeyRole) bool { return strings.EqualFold(string(r), w.Role) })
		if at < 0 {
			return nil, fmt.Errorf("--role %s: there are User and Master", w.Role)
		}
		key.Spec.Role = roles[at]
	}
	if w.Expires != "" {
		at, err := Expiry(w.Expires, now)
		if err != nil {
			return nil, err
		}
		key.Spec.ExpiresAt = &metav1.Time{Time: at}
	}
	if w.RotateEvery != "" || w.Overlap != "" {
		key.Spec.Rotation = &v1alpha1.Rotation{Every: v1alpha1.Duration(w.RotateEvery), Overlap: v1alpha1.Duration(w.Overlap)}
	}
	w.allow(key)
	return key, w.bound(key)
}

func (w *Wanted) allow(key *v1alpha1.APIKey) {
	if len(w.Models)+len(w.Endpoints)+len(w.CIDRs) == 0 {
		return
	}
	key.Spec.Allow = &v1alpha1.Allow{CIDRs: w.CIDRs}
	for _, m := range w.Models {
		key.Spec.Allow.Models = append(key.Spec.Allow.Models, v1alpha1.ModelName(m))
	}
	for _, e := range w.Endpoints {
		key.Spec.Allow.Endpoints = append(key.Spec.Allow.Endpoints, v1alpha1.KeyEndpoint(e))
	}
}

// bound sets limits and budgets.
func (w *Wanted) bound(key *v1alpha1.APIKey) error {
	limits := v1alpha1.Limits{}
	for _, text := range w.Requests {
		count, per, err := counted("--requests", text)
		if err != nil {
			return err
		}
		limits.Requests = append(limits.Requests, v1alpha1.RequestLimit{Count: count, Per: per})
	}
	for _, text := range w.Tokens {
		count, per, err := counted("--tokens", text)
		if err != nil {
			return err
		}
		limits.Tokens = append(limits.Tokens, v1alpha1.TokenLimit{Count: count, Per: per})
	}
	if w.Concurrency > 0 {
		limits.Concurrency = &w.Concurrency
	}
	if limits.Requests != nil || limits.Tokens != nil || limits.Concurrency != nil {
		key.Spec.Limits = &limits
	}
	for _, text := range w.Budgets {
		b, err := budget(text)
		if err != nil {
			return err
		}
		key.Spec.Budgets = append(key.Spec.Budgets, b)
	}
	return nil
}

// counted reads "60/1m".
func counted(flag, text string) (int64, v1alpha1.Duration, error) {
	number, per, ok := strings.Cut(text, "/")
	count, err := strconv.ParseInt(number, 10, 64)
	if !ok || err != nil || count <= 0 || per == "" {
		return 0, "", fmt.Errorf("%s %s: write how many per how long, such as 60/1m", flag, text)
	}
	return count, v1alpha1.Duration(per), nil
}

var periods = []v1alpha1.BudgetPeriod{v1alpha1.BudgetDay, v1alpha1.BudgetWeek, v1alpha1.BudgetMonth, v1alpha1.BudgetTotal}

// budget reads "50/Month".
func budget(text string) (v1alpha1.Budget, error) {
	amount, per, ok := strings.Cut(text, "/")
	at := slices.IndexFunc(periods, func(p v1alpha1.BudgetPeriod) bool { return strings.EqualFold(string(p), per) })
	if !ok || at < 0 || amount == "" {
		return v1alpha1.Budget{}, fmt.Errorf("--budget %s: write US dollars per Day, Week, Month or Total, such as 50/Month", text)
	}
	return v1alpha1.Budget{Amount: v1alpha1.MoneyAmount(strings.TrimPrefix(amount, "$")), Per: periods[at]}, nil
}

var days = regexp.MustCompile(`^([0-9]{1,5})d$`)

// Expiry reads when a key ends, to the second: a date, whose beginning in UTC counts, a time, or how long from now.
func Expiry(text string, now time.Time) (time.Time, error) {
	at, err := time.Parse(time.DateOnly, text)
	if err != nil {
		at, err = time.Parse(time.RFC3339, text)
	}
	if err != nil {
		var after time.Duration
		if groups := days.FindStringSubmatch(text); groups != nil {
			n, _ := strconv.ParseInt(groups[1], 10, 64)
			after, err = time.Duration(min(n, math.MaxInt64/int64(24*time.Hour)))*24*time.Hour, nil
		} else {
			after, err = time.ParseDuration(text)
		}
		at = now.Add(after)
	}
	if err != nil {
		return at, fmt.Errorf("%q is no date (2027-01-31), time (2027-01-31T12:00:00Z) or span (90d, 12h)", text)
	}
	if !at.After(now) {
		return at, fmt.Errorf("%s is past: a key that expires then would be refused", text)
	}
	return at.UTC().Truncate(time.Second), nil
}
