// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package render_test

import (
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"

	"github.com/sparkgateway/spark/api/v1alpha1"
	"github.com/sparkgateway/spark/controllers/render"
)

func TestPodsAreSecure(t *testing.T) {
	for name, gw := range gateways(t) {
		t.Run(name, func(t *testing.T) {
			pod := render.Deployment(gw, options, audiences[name]).Spec.Template.Spec
			if ptr.Deref(pod.AutomountServiceAccountToken, true) || ptr.Deref(pod.EnableServiceLinks, true) {
				t.Error("pods have a token, or learn of other services")
			}
			if ptr.Deref(render.ServiceAccount(gw).AutomountServiceAccountToken, true) {
				t.Error("the ServiceAccount gives its token")
			}
			if pod.HostNetwork || pod.HostPID || pod.HostIPC || len(pod.InitContainers) > 0 || len(pod.Containers) != 1 {
				t.Error("pods are more than one container of their own")
			}
			p := pod.SecurityContext
			if !ptr.Deref(p.RunAsNonRoot, false) || ptr.Deref(p.RunAsUser, 0) == 0 || p.SeccompProfile.Type != corev1.SeccompProfileTypeRuntimeDefault {
				t.Errorf("pods' security context is %+v", p)
			}
			c := pod.Containers[0].SecurityContext
			if !ptr.Deref(c.RunAsNonRoot, false) || !ptr.Deref(c.ReadOnlyRootFilesystem, false) || ptr.Deref(c.AllowPrivilegeEscalation, true) ||
				ptr.Deref(c.Privileged, false) || !slices.Equal(c.Capabilities.Drop, []corev1.Capability{"ALL"}) || len(c.Capabilities.Add) > 0 {
				t.Errorf("the container's security context is %+v", c)
			}
			for _, port := range pod.Containers[0].Ports {
				if port.HostPort != 0 || port.ContainerPort < 1024 {
					t.Errorf("port %+v", port)
				}
			}
			for _, m := range pod.Containers[0].VolumeMounts {
				if !m.ReadOnly && m.Name != "state" {
					t.Errorf("%s is mounted to write", m.Name)
				}
			}
		})
	}
}

// What opens a gateway's administrative listener to a stranger, the operator's key and the authority's, is in the
// same Secret as the pods' certificate, and no pod may see it.
func TestTheOperatorsKeysAreNotMounted(t *testing.T) {
	for name, gw := range gateways(t) {
		t.Run(name, func(t *testing.T) {
			var items []string
			for _, v := range render.Deployment(gw, options, audiences[name]).Spec.Template.Spec.Volumes {
				if v.Name == "state" && v.EmptyDir != nil && v.EmptyDir.SizeLimit != nil {
					continue
				}
				if v.Secret != nil || v.HostPath != nil || v.Projected == nil {
					t.Errorf("volume %s is not projected", v.Name)
					continue
				}
				for _, source := range v.Projected.Sources {
					if source.ServiceAccountToken != nil && v.Name == "tokens" {
						continue
					}
					if source.Secret == nil {
						t.Errorf("volume %s has a source that is no Secret", v.Name)
						continue
					}
					if source.Secret.Name != render.AdminSecretName(gw.Name) {
						continue
					}
					if len(source.Secret.Items) == 0 {
						t.Error("the whole Secret is mounted")
					}
					for _, item := range source.Secret.Items {
						items = append(items, item.Key)
					}
				}
			}
			slices.Sort(items)
			if diff := cmp.Diff([]string{"ca.crt", "tls.crt", "tls.key"}, items); diff != "" {
				t.Errorf("mounted (-want +got):\n%s", diff)
			}
		})
	}
}

// Configuration travels to running pods; a template that changed with it would restart them.
func TestTheTemplateDoesNotChangeWithTheConfiguration(t *testing.T) {
	tests := map[string]func(*v1alpha1.SparkGatewaySpec){
		"limits": func(s *v1alpha1.SparkGatewaySpec) {
			s.Limits = &v1alpha1.GatewayLimits{Limits: v1alpha1.Limits{Requests: []v1alpha1.RequestLimit{{Count: 1, Per: "1s"}}}}
		},
		"requestLimits": func(s *v1alpha1.SparkGatewaySpec) {
			s.RequestLimits = &v1alpha1.RequestLimits{MaxBodyBytes: ptr.To(int64(1 << 20))}
		},
		"securityHeaders": func(s *v1alpha1.SparkGatewaySpec) {
			s.SecurityHeaders = &v1alpha1.SecurityHeaders{FrameOptions: "SAMEORIGIN"}
		},
		"telemetry": func(s *v1alpha1.SparkGatewaySpec) {
			s.Telemetry = &v1alpha1.Telemetry{AccessLog: &v1alpha1.AccessLog{Enabled: ptr.To(false)}}
		},
		"allowedNamespaces": func(s *v1alpha1.SparkGatewaySpec) {
			s.AllowedNamespaces = &v1alpha1.AllowedNamespaces{From: v1alpha1.NamespacesAll}
		},
		"the certificate": func(s *v1alpha1.SparkGatewaySpec) {
			s.Listener = &v1alpha1.Listener{TLS: &v1alpha1.ListenerTLS{SecretRef: v1alpha1.SecretReference{Name: "tls"}}}
		},
		"the number of connections": func(s *v1alpha1.SparkGatewaySpec) { s.Listener = &v1alpha1.Listener{MaxConnections: ptr.To(int32(7))} },
		"the number of replicas":    func(s *v1alpha1.SparkGatewaySpec) { s.Replicas = ptr.To(int32(7)) },
		"autoscaling":               func(s *v1alpha1.SparkGatewaySpec) { s.Autoscaling = &v1alpha1.Autoscaling{MaxReplicas: 7} },
		"the Service": func(s *v1alpha1.SparkGatewaySpec) {
			s.Service = &v1alpha1.Service{Type: corev1.ServiceTypeLoadBalancer}
		},
	}
	want := render.Deployment(minimal(), options, nil).Spec.Template
	for name, edit := range tests {
		t.Run(name, func(t *testing.T) {
			gw := minimal()
			edit(&gw.Spec)
			gw.Generation, gw.ResourceVersion, gw.Status.Revision = 9, "9", "abc"
			if diff := cmp.Diff(want, render.Deployment(gw, options, nil).Spec.Template); diff != "" {
				t.Errorf("template (-want +got):\n%s", diff)
			}
		})
	}
}

func TestReplicasAreTheAutoscalersWhereThereIsOne(t *testing.T) {
	tests := map[string]struct {
		edit         func(*v1alpha1.SparkGatewaySpec)
		wantReplicas *int32
		wantMin      *int32
	}{
		"by default there are two": {func(*v1alpha1.SparkGatewaySpec) {}, ptr.To(int32(2)), nil},
		"none may be asked for":    {func(s *v1alpha1.SparkGatewaySpec) { s.Replicas = ptr.To(int32(0)) }, ptr.To(int32(0)), nil},
		"an autoscaler starts with two": {
			func(s *v1alpha1.SparkGatewaySpec) { s.Autoscaling = &v1alpha1.Autoscaling{MaxReplicas: 5} }, nil, ptr.To(int32(2))},
		"an autoscaler for one starts with one": {
			func(s *v1alpha1.SparkGatewaySpec) { s.Autoscaling = &v1alpha1.Autoscaling{MaxReplicas: 1} }, nil, ptr.To(int32(1))},
		"an autoscaler starts with what is asked for": {
			func(s *v1alpha1.SparkGatewaySpec) {
				s.Autoscaling = &v1alpha1.Autoscaling{MinReplicas: ptr.To(int32(3)), MaxReplicas: 5}
			}, nil, ptr.To(int32(3))},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			gw := minimal()
			test.edit(&gw.Spec)
			if diff := cmp.Diff(test.wantReplicas, render.Deployment(gw, options, nil).Spec.Replicas); diff != "" {
				t.Errorf("replicas (-want +got):\n%s", diff)
			}
			var got *int32
			if hpa := render.HorizontalPodAutoscaler(gw); hpa != nil {
				got = hpa.Spec.MinReplicas
			}
			if diff := cmp.Diff(test.wantMin, got); diff != "" {
				t.Errorf("autoscaler's minimum (-want +got):\n%s", diff)
			}
		})
	}
}

func TestOneReplicaHasNoDisruptionBudget(t *testing.T) {
	tests := map[string]struct {
		edit func(*v1alpha1.SparkGatewaySpec)
		want bool
	}{
		"two replicas": {func(*v1alpha1.SparkGatewaySpec) {}, true},
		"one replica":  {func(s *v1alpha1.SparkGatewaySpec) { s.Replicas = ptr.To(int32(1)) }, false},
		"no replica":   {func(s *v1alpha1.SparkGatewaySpec) { s.Replicas = ptr.To(int32(0)) }, false},
		"one replica and an own word": {func(s *v1alpha1.SparkGatewaySpec) {
			s.Replicas, s.Disruption = ptr.To(int32(1)), &v1alpha1.Disruption{}
		}, true},
		"an autoscaler": {func(s *v1alpha1.SparkGatewaySpec) { s.Autoscaling = &v1alpha1.Autoscaling{MaxReplicas: 1} }, true},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			gw := minimal()
			test.edit(&gw.Spec)
			if got := render.PodDisruptionBudget(gw) != nil; got != test.want {
				t.Errorf("a PodDisruptionBudget: %t, want %t", got, test.want)
			}
		})
	}
}

func TestEveryObjectIsTheGateways(t *testing.T) {
	for name, gw := range gateways(t) {
		t.Run(name, func(t *testing.T) {
			for _, o := range everything(t, name, gw) {
				kind := o.GetObjectKind().GroupVersionKind()
				if kind.Kind == "" || kind.Version == "" {
					t.Errorf("%T has no kind", o)
				}
				if o.GetNamespace() != gw.Namespace || !metav1.IsControlledBy(o, gw) {
					t.Errorf("%s %s/%s is not controlled by the gateway", kind.Kind, o.GetNamespace(), o.GetName())
				}
				if o.GetLabels()[render.GatewayLabel] != gw.Name {
					t.Errorf("%s has labels %v", kind.Kind, o.GetLabels())
				}
			}
		})
	}
}

func TestEverySelectorFindsThePods(t *testing.T) {
	for name, gw := range gateways(t) {
		t.Run(name, func(t *testing.T) {
			d := render.Deployment(gw, options, audiences[name])
			labels := d.Spec.Template.Labels
			selectors := map[string]map[string]string{
				"Deployment": d.Spec.Selector.MatchLabels,
				"Service":    render.Service(gw).Spec.Selector,
			}
			if pdb := render.PodDisruptionBudget(gw); pdb != nil {
				selectors["PodDisruptionBudget"] = pdb.Spec.Selector.MatchLabels
			}
			if np := render.NetworkPolicy(gw, options); np != nil {
				selectors["NetworkPolicy"] = np.Spec.PodSelector.MatchLabels
			}
			for who, selector := range selectors {
				if len(selector) == 0 {
					t.Errorf("%s selects everything", who)
				}
				for k, v := range selector {
					if labels[k] != v {
						t.Errorf("%s wants %s=%s, pods have %q", who, k, v, labels[k])
					}
				}
			}
		})
	}
}

func TestLabelsOfAUserDoNotReplaceSparks(t *testing.T) {
	gw := minimal()
	gw.Spec.PodTemplate = &v1alpha1.PodTemplate{Metadata: &v1alpha1.PodMetadata{Labels: map[string]v1alpha1.PodLabelValue{
		render.GatewayLabel: "another", "team": "platform"}}}
	labels := render.Deployment(gw, options, nil).Spec.Template.Labels
	if labels[render.GatewayLabel] != "main" || labels["team"] != "platform" {
		t.Errorf("labels %v", labels)
	}
}

func TestOnlyTheOperatorReachesTheAdministrativePort(t *testing.T) {
	policy := render.NetworkPolicy(minimal(), options)
	for _, rule := range policy.Spec.Ingress {
		for _, port := range rule.Ports {
			if port.Port.StrVal != "admin" {
				continue
			}
			if len(rule.From) != 1 || rule.From[0].NamespaceSelector.MatchLabels[corev1.LabelMetadataName] != "spark-system" {
				t.Errorf("the administrative port is open to %+v", rule.From)
			}
		}
	}
	if policy.Spec.PolicyTypes[0] != "Ingress" || len(policy.Spec.PolicyTypes) != 1 {
		t.Errorf("policy types %v", policy.Spec.PolicyTypes)
	}
}

// A pod may take its whole drain, and the time around it, before it is killed.
func TestAPodIsNotKilledWhileItDrains(t *testing.T) {
	for timeout, want := range map[v1alpha1.Duration]int64{"": 620, "5m": 320, "1s": 21, "1500ms": 22} {
		gw := minimal()
		gw.Spec.Drain = &v1alpha1.Drain{Timeout: timeout}
		if got := *render.Deployment(gw, options, nil).Spec.Template.Spec.TerminationGracePeriodSeconds; got != want {
			t.Errorf("with a drain of %q: %d s, want %d", timeout, got, want)
		}
	}
}

// Rendering must not hand out what the resource owns: apply changes what it is given.
func TestRenderingLeavesTheResourceAlone(t *testing.T) {
	for name, gw := range gateways(t) {
		t.Run(name, func(t *testing.T) {
			before := gw.DeepCopy()
			for _, o := range everything(t, name, gw) {
				labels := o.GetLabels()
				labels["changed"] = "yes"
			}
			if diff := cmp.Diff(before, gw); diff != "" {
				t.Errorf("resource (-want +got):\n%s", diff)
			}
			if diff := cmp.Diff(render.Deployment(gw, options, audiences[name]), render.Deployment(gw, options, audiences[name])); diff != "" {
				t.Errorf("two renderings differ:\n%s", diff)
			}
		})
	}
}
