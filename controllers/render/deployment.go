// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package render

import (
	"cmp"
	"fmt"
	"math"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/intstr"
	"k8s.io/utils/ptr"

	"github.com/sparkgateway/spark/api/v1alpha1"
	"github.com/sparkgateway/spark/controllers/compiler"
	"github.com/sparkgateway/spark/gateway/config"
)

// Container is the name of the gateway's container.
const Container = "gateway"

// The ports of a gateway's pod beside the listener's, and where its Secrets are mounted.
const (
	AdminPort  = 9443
	HealthPort = 9090

	configDir = "/etc/spark/config"
	adminDir  = "/etc/spark/admin"
	// stateDir is where usage records are kept that no store keeps. It goes with the pod.
	stateDir = "/var/lib/spark"
)

// The defaults that the field comments of SparkGateway promise.
const (
	defaultPort           = 8080
	defaultReplicas       = 2
	defaultMaxLedgerBytes = 256 << 20
)

// graceBeyondDrain is what a pod needs around its drain: time for the endpoints to be gone before the listener closes,
// and to write the last lines.
const graceBeyondDrain = 20 * time.Second

// nonRoot is the user and group of the gateway's image.
const nonRoot = 65532

// Port gives the listener's port.
func Port(gw *v1alpha1.SparkGateway) int32 {
	if gw.Spec.Listener == nil {
		return defaultPort
	}
	return ptr.Deref(gw.Spec.Listener.Port, defaultPort)
}

// Deployment gives the gateway's pods. The template carries nothing of the configuration that travels to running pods,
// so that such a change restarts none; but for the audiences of the tokens that pods need to show themselves to clouds, as
// only the kubelet can bring those.
func Deployment(gw *v1alpha1.SparkGateway, o Options, audiences []string) *appsv1.Deployment {
	d := &appsv1.Deployment{
		TypeMeta:   typeMeta("apps/v1", "Deployment"),
		ObjectMeta: meta(gw, gw.Name),
		Spec: appsv1.DeploymentSpec{
			Selector: &metav1.LabelSelector{MatchLabels: Selector(gw)},
			// A new pod serves before an old one leaves.
			Strategy: appsv1.DeploymentStrategy{
				Type: appsv1.RollingUpdateDeploymentStrategyType,
				RollingUpdate: &appsv1.RollingUpdateDeployment{
					MaxUnavailable: ptr.To(intstr.FromInt32(0)),
					MaxSurge:       ptr.To(intstr.FromString("25%")),
				},
			},
			Template: podTemplate(gw, o, audiences),
		},
	}
	// With autoscaling the number of replicas is the autoscaler's, and not ours to apply.
	if gw.Spec.Autoscaling == nil {
		d.Spec.Replicas = ptr.To(ptr.Deref(gw.Spec.Replicas, defaultReplicas))
	}
	return d
}

func podTemplate(gw *v1alpha1.SparkGateway, o Options, audiences []string) corev1.PodTemplateSpec {
	user := gw.Spec.PodTemplate
	if user == nil {
		user = &v1alpha1.PodTemplate{}
	}
	metadata := user.Metadata
	if metadata == nil {
		metadata = &v1alpha1.PodMetadata{}
	}
	return corev1.PodTemplateSpec{
		ObjectMeta: metav1.ObjectMeta{
			Labels:      merged(metadata.Labels, Labels(gw)),
			Annotations: metadata.Annotations,
		},
		Spec: corev1.PodSpec{
			ServiceAccountName:            gw.Name,
			AutomountServiceAccountToken:  ptr.To(false),
			EnableServiceLinks:            ptr.To(false),
			TerminationGracePeriodSeconds: ptr.To(graceSeconds(gw)),
			SecurityContext: &corev1.PodSecurityContext{
				RunAsNonRoot:   ptr.To(true),
				RunAsUser:      ptr.To(int64(nonRoot)),
				RunAsGroup:     ptr.To(int64(nonRoot)),
				FSGroup:        ptr.To(int64(nonRoot)),
				SeccompProfile: &corev1.SeccompProfile{Type: corev1.SeccompProfileTypeRuntimeDefault},
			},
			Containers:                []corev1.Container{container(gw, o, audiences)},
			Volumes:                   volumes(gw, audiences),
			NodeSelector:              merged(user.NodeSelector, nil),
			Tolerations:               user.Tolerations,
			Affinity:                  user.Affinity,
			PriorityClassName:         user.PriorityClassName,
			TopologySpreadConstraints: spread(gw, user),
		},
	}
}

func graceSeconds(gw *v1alpha1.SparkGateway) int64 {
	return int64(math.Ceil((compiler.DrainTimeout(gw) + graceBeyondDrain).Seconds()))
}

func spread(gw *v1alpha1.SparkGateway, user *v1alpha1.PodTemplate) []corev1.TopologySpreadConstraint {
	if len(user.TopologySpreadConstraints) > 0 {
		return user.TopologySpreadConstraints
	}
	return []corev1.TopologySpreadConstraint{{
		MaxSkew:           1,
		TopologyKey:       corev1.LabelHostname,
		WhenUnsatisfiable: corev1.ScheduleAnyway,
		LabelSelector:     &metav1.LabelSelector{MatchLabels: Selector(gw)},
	}}
}

func container(gw *v1alpha1.SparkGateway, o Options, audiences []string) corev1.Container {
	return corev1.Container{
		Name:            Container,
		Image:           cmp.Or(gw.Spec.Image, o.Image),
		ImagePullPolicy: corev1.PullIfNotPresent,
		Args: []string{
			"--config-dir=" + configDir,
			"--admin-dir=" + adminDir,
			fmt.Sprintf("--port=%d", Port(gw)),
			fmt.Sprintf("--admin-port=%d", AdminPort),
			fmt.Sprintf("--health-port=%d", HealthPort),
		},
		Env: []corev1.EnvVar{
			fieldEnv("POD_NAME", "metadata.name"),
			fieldEnv("POD_NAMESPACE", "metadata.namespace"),
			fieldEnv("POD_UID", "metadata.uid"),
			{Name: "SPARK_GATEWAY", Value: gw.Namespace + "/" + gw.Name},
			// Not an argument: a gateway of an older release, as spec.image may name one, would not start with it.
			{Name: "SPARK_STATE_DIR", Value: stateDir},
		},
		Ports: []corev1.ContainerPort{
			{Name: "http", ContainerPort: Port(gw), Protocol: corev1.ProtocolTCP},
			{Name: "admin", ContainerPort: AdminPort, Protocol: corev1.ProtocolTCP},
			{Name: "health", ContainerPort: HealthPort, Protocol: corev1.ProtocolTCP},
		},
		// The startup probe tells "has served" from "serves": once started, a pod counts for Programmed even while it
		// is not ready.
		StartupProbe:   probe("/readyz", 1, 600),
		ReadinessProbe: probe("/readyz", 2, 2),
		LivenessProbe:  probe("/livez", 10, 6),
		Resources:      resources(gw),
		VolumeMounts:   mounts(audiences),
		SecurityContext: &corev1.SecurityContext{
			AllowPrivilegeEscalation: ptr.To(false),
			ReadOnlyRootFilesystem:   ptr.To(true),
			RunAsNonRoot:             ptr.To(true),
			Capabilities:             &corev1.Capabilities{Drop: []corev1.Capability{"ALL"}},
		},
	}
}

func fieldEnv(name, path string) corev1.EnvVar {
	return corev1.EnvVar{Name: name, ValueFrom: &corev1.EnvVarSource{
		FieldRef: &corev1.ObjectFieldSelector{APIVersion: "v1", FieldPath: path}}}
}

func probe(path string, period, failures int32) *corev1.Probe {
	return &corev1.Probe{
		ProbeHandler: corev1.ProbeHandler{HTTPGet: &corev1.HTTPGetAction{
			Path: path, Port: intstr.FromString("health"), Scheme: corev1.URISchemeHTTP}},
		PeriodSeconds:    period,
		TimeoutSeconds:   1,
		SuccessThreshold: 1,
		FailureThreshold: failures,
	}
}

func resources(gw *v1alpha1.SparkGateway) corev1.ResourceRequirements {
	if r := gw.Spec.Resources; r != nil {
		return corev1.ResourceRequirements{Requests: quantities(r.Requests), Limits: quantities(r.Limits)}
	}
	return corev1.ResourceRequirements{Requests: corev1.ResourceList{
		corev1.ResourceCPU:    resource.MustParse("100m"),
		corev1.ResourceMemory: resource.MustParse("128Mi"),
	}}
}

// quantities reads amounts whose form the API server has checked; one that cannot be read all the same is left out.
func quantities(amounts map[string]v1alpha1.ResourceQuantity) corev1.ResourceList {
	if len(amounts) == 0 {
		return nil
	}
	list := make(corev1.ResourceList, len(amounts))
	for name, amount := range amounts {
		if q, err := resource.ParseQuantity(amount.String()); err == nil {
			list[corev1.ResourceName(name)] = q
		}
	}
	return list
}

// volumes mounts the configuration, of which a key shard's Secret exists only while it holds keys, and of the
// administrative credentials all but the operator's half; what the pod itself writes; and the tokens, where there are any.
func volumes(gw *v1alpha1.SparkGateway, audiences []string) []corev1.Volume {
	sources := []corev1.VolumeProjection{{Secret: &corev1.SecretProjection{
		LocalObjectReference: corev1.LocalObjectReference{Name: ConfigSecretName(gw.Name)}}}}
	for shard := range config.KeyShards {
		sources = append(sources, corev1.VolumeProjection{Secret: &corev1.SecretProjection{
			LocalObjectReference: corev1.LocalObjectReference{Name: ShardSecretName(gw.Name, config.ShardPart(shard))},
			Optional:             ptr.To(true),
		}})
	}
	admin := []corev1.VolumeProjection{{Secret: &corev1.SecretProjection{
		LocalObjectReference: corev1.LocalObjectReference{Name: AdminSecretName(gw.Name)},
		Items: []corev1.KeyToPath{
			{Key: AdminCA, Path: AdminCA}, {Key: AdminServerCert, Path: AdminServerCert}, {Key: AdminServerKey, Path: AdminServerKey},
		},
	}}}
	all := []corev1.Volume{projected("config", sources), projected("admin", admin), state(gw)}
	if len(audiences) > 0 {
		all = append(all, projected("tokens", tokens(audiences)))
	}
	return all
}

// state is there with a store as well, which may be taken away. A pod that wrote more than its limit would be evicted, so
// that is well above what the ledger keeps: what is being written and what is about to go comes on top.
func state(gw *v1alpha1.SparkGateway) corev1.Volume {
	most := int64(defaultMaxLedgerBytes)
	if l := gw.Spec.Ledger; l != nil {
		most = ptr.Deref(l.MaxBytes, most)
	}
	const margin = 64 << 20
	return corev1.Volume{Name: "state", VolumeSource: corev1.VolumeSource{EmptyDir: &corev1.EmptyDirVolumeSource{
		SizeLimit: resource.NewQuantity(most+most/4+margin, resource.BinarySI)}}}
}

func projected(name string, sources []corev1.VolumeProjection) corev1.Volume {
	const mode = 0o440
	return corev1.Volume{Name: name, VolumeSource: corev1.VolumeSource{
		Projected: &corev1.ProjectedVolumeSource{Sources: sources, DefaultMode: ptr.To(int32(mode))}}}
}
