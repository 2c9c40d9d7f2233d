// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/sparkgateway/spark/test/fakeprovider"
)

func TestRunEndsWithItsContext(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := run(ctx, []string{"--listen", "127.0.0.1:0", "--api-key", "a,b", "--log-requests", "--strict-models",
		"--aws-keys", "AKID:secret"}); err != nil {
		t.Error(err)
	}
}

func TestRunSaysWhatIsWrong(t *testing.T) {
	for _, args := range [][]string{{"--listen", "nowhere"}, {"extra"}, {"--aws-keys", "AKID"}} {
		if err := run(t.Context(), args); err == nil {
			t.Errorf("%v was taken", args)
		}
	}
}

func TestAWSKeyPairs(t *testing.T) {
	for name, c := range map[string]struct {
		flag  string
		want  []fakeprovider.AWSKey
		wrong bool
	}{
		"none":             {"", nil, false},
		"one of each kind": {"A:b,C:d/+=:e:f", []fakeprovider.AWSKey{{AccessKeyID: "A", SecretAccessKey: "b"}, {AccessKeyID: "C", SecretAccessKey: "d/+=", SessionToken: "e:f"}}, false},
		"no secret":        {"A:b,C", nil, true},
		"no id":            {":b", nil, true},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := awsKeyPairs(c.flag)
			if diff := cmp.Diff(c.want, got); diff != "" || (err != nil) != c.wrong {
				t.Errorf("error %v; %s", err, diff)
			}
		})
	}
}
