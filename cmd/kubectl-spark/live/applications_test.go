// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package live

import (
	"context"
	"errors"
	"strings"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes/fake"
	"k8s.io/utils/ptr"
	clientfake "sigs.k8s.io/controller-runtime/pkg/client/fake"

	"github.com/sparkgateway/spark/api/v1alpha1"
)

func TestARoadLeadsToTheListenerOfApplications(t *testing.T) {
	for name, c := range map[string]struct {
		gateway, pod string
		listener     *v1alpha1.Listener
		broken       error
		port         int
		tls          bool
		wrong        string
	}{
		"as it is by default":     {gateway: "main", port: 8080},
		"a port of its own":       {gateway: "main", listener: &v1alpha1.Listener{Port: ptr.To(int32(9000))}, port: 9000},
		"TLS":                     {gateway: "main", listener: &v1alpha1.Listener{TLS: &v1alpha1.ListenerTLS{}}, port: 8080, tls: true},
		"a pod by name":           {gateway: "main", pod: "main-a", port: 8080},
		"no such gateway":         {gateway: "other", wrong: "--gateway other: there is no such SparkGateway in namespace team"},
		"a pod of another":        {gateway: "main", pod: "other-a", wrong: "--pod other-a is none of SparkGateway team/main, which has main-a"},
		"no way to the pod":       {gateway: "main", broken: errors.New("no route"), wrong: "pod main-a: forward a port: no route"},
		"a pod that is not there": {gateway: "main", pod: "main-z", wrong: "--pod main-z is none of SparkGateway team/main, which has main-a"},
	} {
		t.Run(name, func(t *testing.T) {
			gw := &v1alpha1.SparkGateway{ObjectMeta: metav1.ObjectMeta{Namespace: "team", Name: "main"}}
			gw.Spec.Listener = c.listener
			stopped := 0
			cluster := &Cluster{
				Namespace: "team",
				Objects:   clientfake.NewClientBuilder().WithScheme(Scheme).WithObjects(gw).Build(),
				clients:   fake.NewClientset(pod("main-a", "main", "True", false), pod("other-a", "other", "True", false)),
				forward: func(_ context.Context, pod string, port int) (string, func() error, error) {
					if pod != "main-a" || port != c.port && c.broken == nil {
						t.Errorf("port %d of pod %s is asked for", port, pod)
					}
					return "127.0.0.1:5", func() error { stopped++; return nil }, c.broken
				},
			}
			road, err := cluster.Applications(t.Context(), c.gateway, c.pod)
			if c.wrong != "" {
				if err == nil || !strings.HasPrefix(err.Error(), c.wrong) {
					t.Errorf("error %v", err)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if err := road.Stop(); err != nil {
				t.Error(err)
			}
			if road.Pod != "main-a" || road.Address != "127.0.0.1:5" || road.TLS != c.tls || stopped != 1 {
				t.Errorf("%+v, ended %d times", road, stopped)
			}
		})
	}
}
