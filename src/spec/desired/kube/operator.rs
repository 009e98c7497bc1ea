//! The operator's deployment: what the spec says, laid over the defaults of the chart.

use k8s_openapi::api::core::v1::ResourceRequirements;
use k8s_openapi::apimachinery::pkg::api::resource;

use super::super::Builder;
use super::Said;
use crate::spec::model::{
    ControllerWish, ControllersWish, ImageWish, Operator, ProxyWish, RbacWish, Resources, ServiceAccountWish,
};
use crate::spec::read::Located;
use crate::systems::kube::desired::{self, Chart, ChartSource};
use crate::systems::kube::operator::options::{
    Controller, Controllers, Image, KubeRbacProxy, Period, Rbac, ServiceAccount,
};
use crate::systems::kube::operator::{CHART, Options, Release, Version};

/// The server of HashiCorp's charts.
const CHARTS: &str = "https://helm.releases.hashicorp.com";

impl Builder<'_, '_> {
    pub(super) fn operator(&self, wish: &Operator, namespace: &str, said: &mut Said) -> desired::Operator {
        let Operator {
            at: _,
            version,
            release,
            chart,
            name_override,
            fullname_override,
            replica_count,
            image,
            resources,
            env,
            affinity,
            tolerations,
            sync_period,
            watched_namespaces,
            controllers,
            kube_rbac_proxy,
            image_pull_secrets,
            pod_labels,
            priority_class_name,
            custom_ca,
            service_account,
            rbac,
        } = wish;
        said.note("operator.version", version.at);
        let mut options = Options::new(version.value);
        options.name_override = said.take("operator.nameOverride", name_override.as_ref());
        options.fullname_override = said.take("operator.fullnameOverride", fullname_override.as_ref());
        set(&mut options.replica_count, said.take("operator.replicaCount", replica_count.as_ref()));
        options.image_pull_secrets = said.parts("operator.imagePullSecrets", image_pull_secrets.as_ref());
        options.pod_labels = said.texts("operator.podLabels", pod_labels);
        options.priority_class_name = said.take("operator.priorityClassName", priority_class_name.as_ref());
        said.image("operator.image", image.as_ref(), &mut options.operator.image);
        said.resources("operator.resources", resources.as_ref(), &mut options.operator.resources);
        options.operator.env = said.texts("operator.env", env);
        options.operator.affinity = said.part("operator.affinity", affinity.as_ref());
        options.operator.tolerations = said.parts("operator.tolerations", tolerations.as_ref());
        let period = said.take("operator.syncPeriod", sync_period.as_ref());
        set(&mut options.operator.sync_period, period.map(|period| Period::of_seconds(period.seconds)));
        options.operator.watched_namespaces = said.list("operator.watchedNamespaces", watched_namespaces.as_ref());
        said.proxy(kube_rbac_proxy.as_ref(), &mut options.kube_rbac_proxy);
        said.controllers(controllers.as_ref(), &mut options.controllers);
        said.account(service_account.as_ref(), &mut options.service_account);
        said.rbac(rbac.as_ref(), &mut options.rbac);
        let ca = custom_ca.as_ref().map(|ca| {
            said.note("operator.customCa", ca.at);
            self.fleet.sources.beside(ca.file.at, &ca.file.value)
        });
        let chart = self.chart(chart.as_ref(), options.version, said);
        let name = said.take("operator.release", release.as_ref()).unwrap_or_else(|| CHART.to_owned());
        let release = Release { name, namespace: namespace.to_owned() };
        desired::Operator { release, options, ca, chart }
    }

    fn chart(&self, wish: Option<&Located<String>>, version: Version, said: &mut Said) -> Chart {
        let source = match wish {
            Some(wish) => {
                said.note("operator.chart", wish.at);
                if wish.contains("://") {
                    ChartSource::Url(wish.value.clone())
                } else {
                    ChartSource::Path(self.fleet.sources.beside(wish.at, &wish.value))
                }
            }
            None => ChartSource::Url(format!("{CHARTS}/{CHART}-{version}.tgz")),
        };
        Chart { source, sha256: None }
    }
}

/// Sets what is said.
fn set<T>(of: &mut T, said: Option<T>) {
    if let Some(said) = said {
        *of = said;
    }
}

impl Said {
    fn image(&mut self, field: &str, wish: Option<&ImageWish>, image: &mut Image) {
        let Some(ImageWish { at: _, repository, tag, digest, pull_policy }) = wish else { return };
        set(&mut image.repository, self.take(&format!("{field}.repository"), repository.as_ref()));
        if let Some(tag) = self.take(&format!("{field}.tag"), tag.as_ref()) {
            image.tag = Some(tag);
        }
        image.digest = self.take(&format!("{field}.digest"), digest.as_ref());
        let policy = self.take(&format!("{field}.pullPolicy"), pull_policy.as_ref());
        set(&mut image.pull_policy, policy.map(|policy| policy.word().to_owned()));
    }

    /// Amount by amount, as Helm lays one map over another.
    pub(super) fn resources(&mut self, field: &str, wish: Option<&Resources>, resources: &mut ResourceRequirements) {
        let Some(Resources { at: _, limits, requests }) = wish else { return };
        for (word, said, amounts) in
            [("limits", limits, &mut resources.limits), ("requests", requests, &mut resources.requests)]
        {
            for (name, _, amount) in said.iter() {
                self.note(format!("{field}.{word}.{name}"), amount.at);
                let amount = resource::Quantity(amount.text.clone());
                amounts.get_or_insert_default().insert(name.to_owned(), amount);
            }
        }
    }

    fn proxy(&mut self, wish: Option<&ProxyWish>, proxy: &mut KubeRbacProxy) {
        let Some(ProxyWish { at: _, image, resources }) = wish else { return };
        self.image("operator.kubeRbacProxy.image", image.as_ref(), &mut proxy.image);
        self.resources("operator.kubeRbacProxy.resources", resources.as_ref(), &mut proxy.resources);
    }

    fn account(&mut self, wish: Option<&ServiceAccountWish>, account: &mut ServiceAccount) {
        let Some(ServiceAccountWish { at: _, name, create, annotations }) = wish else { return };
        account.name = self.take("operator.serviceAccount.name", name.as_ref());
        set(&mut account.create, self.take("operator.serviceAccount.create", create.as_ref()));
        account.annotations = self.texts("operator.serviceAccount.annotations", annotations);
    }

    fn rbac(&mut self, wish: Option<&RbacWish>, rbac: &mut Rbac) {
        let Some(RbacWish { at: _, create, narrow_secrets }) = wish else { return };
        set(&mut rbac.create, self.take("operator.rbac.create", create.as_ref()));
        set(&mut rbac.narrow_secrets, self.take("operator.rbac.narrowSecrets", narrow_secrets.as_ref()));
    }

    /// Those that the version does not have are not there to be set.
    fn controllers(&mut self, wish: Option<&ControllersWish>, of: &mut Controllers) {
        let Some(wish) = wish else { return };
        let ControllersWish { at: _, agent_pool, agent_token, module, project, runs_collector, workspace } = wish;
        let all = [
            ("agentPool", agent_pool, Some(&mut of.agent_pool)),
            ("agentToken", agent_token, of.agent_token.as_mut()),
            ("module", module, Some(&mut of.module)),
            ("project", project, Some(&mut of.project)),
            ("runsCollector", runs_collector, of.runs_collector.as_mut()),
            ("workspace", workspace, Some(&mut of.workspace)),
        ];
        for (name, wish, controller) in all {
            if let (Some(wish), Some(controller)) = (wish, controller) {
                self.controller(&format!("operator.controllers.{name}"), wish, controller);
            }
        }
    }

    fn controller(&mut self, field: &str, wish: &ControllerWish, controller: &mut Controller) {
        let ControllerWish { at: _, workers, sync_period } = wish;
        set(&mut controller.workers, self.take(&format!("{field}.workers"), workers.as_ref()));
        let period = self.take(&format!("{field}.syncPeriod"), sync_period.as_ref());
        set(&mut controller.sync_period, period.map(|period| Period::of_seconds(period.seconds)));
    }
}
