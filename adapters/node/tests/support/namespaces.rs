//! Hosts as network namespaces of this machine (Linux): each with an interface and an address of its
//! own, joined by a bridge in one of them.

use std::process::Command;

/// Namespaces and their links; all go when it is dropped.
pub struct Namespaces {
    /// First part of all names, of this process alone.
    prefix: String,
    /// First three numbers of all addresses.
    subnet: String,
    hosts: usize,
}

/// Runs `ip` or `tc`; what it says when it fails.
fn run(words: &str) -> Result<(), String> {
    let mut words = words.split(' ');
    let ran = Command::new(words.next().unwrap())
        .args(words.clone())
        .output();
    let ran = ran.map_err(|e| e.to_string())?;
    if ran.status.success() {
        return Ok(());
    }
    let said = String::from_utf8_lossy(&ran.stderr).trim().to_owned();
    Err(format!("{}: {said}", words.collect::<Vec<_>>().join(" ")))
}

impl Namespaces {
    /// So many hosts at addresses `.10` and after, a bridge at `.1`, and this process at `.254`.
    ///
    /// # Errors
    /// What the machine does not allow.
    pub fn join(hosts: usize) -> Result<Self, String> {
        let id = std::process::id() % 250;
        let this = Self {
            prefix: format!("wt{id}"),
            subnet: format!("10.213.{id}"),
            hosts,
        };
        let (bridge, prefix) = (this.name_of_bridge(), &this.prefix);
        run(&format!("ip netns add {bridge}"))?;
        let inside = format!("ip -n {bridge}");
        run(&format!("{inside} link set lo up"))?;
        run(&format!("{inside} link add br0 type bridge"))?;
        run(&format!("{inside} addr add {}/24 dev br0", this.address(1)))?;
        run(&format!("{inside} link set br0 up"))?;
        run(&format!(
            "ip link add {prefix}r type veth peer name {prefix}b netns {bridge}"
        ))?;
        run(&format!(
            "ip addr add {}/24 dev {prefix}r",
            this.own_address()
        ))?;
        run(&format!("ip link set {prefix}r up"))?;
        run(&format!("{inside} link set {prefix}b master br0 up"))?;
        (0..hosts).try_for_each(|i| this.join_host(i))?;
        Ok(this)
    }

    fn join_host(&self, i: usize) -> Result<(), String> {
        let (host, bridge) = (self.name(i), self.name_of_bridge());
        run(&format!("ip netns add {host}"))?;
        run(&format!("ip -n {host} link set lo up"))?;
        run(&format!(
            "ip -n {bridge} link add p{i} type veth peer name eth0 netns {host}"
        ))?;
        run(&format!("ip -n {bridge} link set p{i} master br0 up"))?;
        let address = self.host_address(i);
        run(&format!("ip -n {host} addr add {address}/24 dev eth0"))?;
        run(&format!("ip -n {host} link set eth0 up"))
    }

    fn name(&self, i: usize) -> String {
        format!("{}h{i}", self.prefix)
    }

    fn name_of_bridge(&self) -> String {
        format!("{}br", self.prefix)
    }

    fn address(&self, last: usize) -> String {
        format!("{}.{last}", self.subnet)
    }

    /// Address in the namespace of the bridge.
    pub fn bridge_address(&self) -> String {
        self.address(1)
    }

    /// Address of this process.
    pub fn own_address(&self) -> String {
        self.address(254)
    }

    pub fn host_address(&self, i: usize) -> String {
        self.address(10 + i)
    }

    /// Words that run a command in the namespace of the bridge.
    pub fn in_bridge(&self) -> Vec<String> {
        ["ip", "netns", "exec", &self.name_of_bridge()]
            .map(Into::into)
            .to_vec()
    }

    /// Words that run a command in the namespace of host `i`.
    pub fn in_host(&self, i: usize) -> Vec<String> {
        ["ip", "netns", "exec", &self.name(i)]
            .map(Into::into)
            .to_vec()
    }

    /// Takes the link of host `i` to the bridge down, or up again.
    pub fn set_link(&self, i: usize, state: &str) {
        let bridge = self.name_of_bridge();
        run(&format!("ip -n {bridge} link set p{i} {state}")).unwrap();
    }

    /// Delay, loss and reordering on all links.
    ///
    /// # Errors
    /// What the kernel does not have.
    pub fn disturb(&self) -> Result<(), String> {
        let netem = "netem delay 10ms 8ms loss 1% reorder 5% 50%";
        (0..self.hosts).try_for_each(|i| {
            run(&format!(
                "tc -n {} qdisc add dev eth0 root {netem}",
                self.name(i)
            ))
        })
    }
}

impl Drop for Namespaces {
    fn drop(&mut self) {
        // Interfaces go with the namespace that holds one end. Some may not be there yet.
        for name in (0..self.hosts).map(|i| self.name(i)) {
            let _ = run(&format!("ip netns del {name}"));
        }
        let _ = run(&format!("ip link del {}r", self.prefix));
        let _ = run(&format!("ip netns del {}", self.name_of_bridge()));
    }
}
