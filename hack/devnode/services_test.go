// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package devnode

import (
	"net"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/intstr"
)

func TestOnlyReadyPodsThatStayAreBackends(t *testing.T) {
	pod := func(ip string, ready corev1.ConditionStatus) corev1.Pod {
		p := *demoPod()
		p.Spec.Containers[0].Ports = []corev1.ContainerPort{{Name: "http", ContainerPort: 8080}}
		p.Status.PodIP = ip
		p.Status.Conditions = []corev1.PodCondition{{Type: corev1.PodReady, Status: ready}}
		return p
	}
	leaving := pod("127.77.0.4", corev1.ConditionTrue)
	leaving.DeletionTimestamp = &metav1.Time{}
	pods := []corev1.Pod{
		pod("127.77.0.2", corev1.ConditionTrue), pod("127.77.0.1", corev1.ConditionTrue), pod("127.77.0.3", corev1.ConditionFalse),
		leaving, pod("", corev1.ConditionTrue),
	}
	for name, tc := range map[string]struct {
		port corev1.ServicePort
		want string
	}{
		"a named port":          {corev1.ServicePort{Port: 80, TargetPort: intstr.FromString("http")}, "127.77.0.1:8080 127.77.0.2:8080"},
		"a number":              {corev1.ServicePort{Port: 80, TargetPort: intstr.FromInt32(9090)}, "127.77.0.1:9090 127.77.0.2:9090"},
		"the Service's own":     {corev1.ServicePort{Port: 80}, "127.77.0.1:80 127.77.0.2:80"},
		"a name nobody defines": {corev1.ServicePort{Port: 80, TargetPort: intstr.FromString("none")}, ""},
	} {
		if got := strings.Join(backends(&tc.port, pods), " "); got != tc.want {
			t.Errorf("%s: %q, want %q", name, got, tc.want)
		}
	}
}

func TestAWishedAddressThatIsTakenIsReplaced(t *testing.T) {
	taken, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = taken.Close() }()
	object := &corev1.Service{ObjectMeta: named("main"), Spec: corev1.ServiceSpec{Ports: []corev1.ServicePort{{Port: 8080}, {Port: 9090}}}}
	n := &Node{addresses: newAddressPool(), options: Options{ServiceAddresses: map[string]string{"default/main": taken.Addr().String()}}}
	s := &service{forwarders: map[int32]*forwarder{}}
	defer s.close()
	if err := n.forward(s, object, nil); err != nil {
		t.Fatal(err)
	}
	for _, port := range []int32{8080, 9090} {
		if got := s.address(port); !strings.HasPrefix(got, "127.77.") {
			t.Errorf("port %d is at %q", port, got)
		}
	}
	object.Spec.Ports = object.Spec.Ports[:1]
	if err := n.forward(s, object, nil); err != nil {
		t.Fatal(err)
	}
	if got := s.address(9090); got != "" {
		t.Errorf("the removed port is still at %q", got)
	}
	if s.address(8080) == "" {
		t.Error("the port that stayed is gone")
	}
}

func TestAForwarderPassesOverABackendThatRefuses(t *testing.T) {
	backend, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = backend.Close() }()
	go func() {
		for {
			connection, err := backend.Accept()
			if err != nil {
				return
			}
			_, _ = connection.Write([]byte("here"))
			_ = connection.Close()
		}
	}()
	f, err := newForwarder("127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer f.close()
	f.setBackends([]string{"127.0.0.1:1", backend.Addr().String()})
	for range 4 { // whoever's turn it is
		connection, err := net.Dial("tcp4", f.address())
		if err != nil {
			t.Fatal(err)
		}
		answer := make([]byte, 4)
		if _, err := connection.Read(answer); err != nil || string(answer) != "here" {
			t.Errorf("answer %q, %v", answer, err)
		}
		_ = connection.Close()
	}
}
