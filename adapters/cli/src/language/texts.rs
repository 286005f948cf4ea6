//! The texts: English, as the sources have them, and Chinese.

/// Pairs of an English text and its Chinese form.
pub(super) const CHINESE: &[(&str, &str)] = &[
    // Every command.
    ("error: {what}", "错误：{what}"),
    ("next:  {step}", "下一步：{step}"),
    ("next", "下一步"),
    ("none", "无"),
    ("yes", "是"),
    ("no", "否"),
    // Keys.
    ("key written to {file}", "密钥已写入 {file}"),
    ("public key", "公钥"),
    ("key id", "密钥标识"),
    ("enrol:", "登记："),
    ("open namespace", "开放命名空间"),
    ("closed namespace", "封闭命名空间"),
    (
        "registers the key with its first statement",
        "提交第一份声明时即登记该密钥",
    ),
    (
        "its founders list the key (trial: wutong devnet --list-key {key})",
        "由创建者列入该密钥（试用：wutong devnet --list-key {key}）",
    ),
    // Deposits.
    ("deposited {file}", "已存证 {file}"),
    ("LOGGED WITHOUT EFFECT {file}", "已记录但未生效 {file}"),
    ("REFUSED {file}", "被拒绝 {file}"),
    ("NOT RECEIPTED YET {file}", "尚无回执 {file}"),
    ("receipt", "回执"),
    ("receipts", "回执"),
    ("statement", "声明"),
    ("block", "区块"),
    ("outcome", "结果"),
    ("reason", "原因"),
    ("missing", "缺席"),
    ("kept in", "保存于"),
    ("{file} (verified)", "{file}（已核验）"),
    ("{file} (not verified yet)", "{file}（尚未核验）"),
    (
        "{height}, entry {index}, {time}",
        "{height}，条目 {index}，{time}",
    ),
    (
        "{names} ({quorum} must be present)",
        "{names}（须有 {quorum} 个在线）",
    ),
    (
        "verify: wutong verify FILE --receipt RECEIPT --policy POLICY",
        "核验：wutong verify 文件 --receipt 回执 --policy 信任锚",
    ),
    (
        "deposited a batch of {count} files in one statement",
        "已用一份声明存证一批共 {count} 个文件",
    ),
    ("{count} in {folder}", "{count} 份，在 {folder}"),
    ("opens them all", "可打开全部"),
    (
        "{file} (keep it secret, or delete it)",
        "{file}（请保密，或删除）",
    ),
    // Verification.
    ("VERIFIED", "核验通过"),
    ("VERIFIED (DEMONSTRATION)", "核验通过（演示）"),
    ("REFUSED", "核验不通过"),
    (
        "  One party holds all keys of a demonstration network: it proves nothing.",
        "  演示网络的全部密钥由一方持有：不能证明任何事情。",
    ),
    ("checks:", "检查："),
    ("ok", "通过"),
    ("FAILED", "失败"),
    ("note", "注意"),
    ("document", "文件"),
    ("deposited by", "存证人"),
    ("subject", "主题"),
    ("existed before", "存在早于"),
    (
        "each signer's own time below, no joint bound",
        "见下列各签署方时间，无共同上限",
    ),
    ("made after", "作成晚于"),
    ("checkpoint {hash}", "检查点 {hash}"),
    ("declared time", "声明时间"),
    ("{time}, not proven", "{time}，未经证明"),
    ("signed by", "签署方"),
    (
        "{organisation} ({name}, key id {id}, {time})",
        "{organisation}（{name}，密钥标识 {id}，{time}）",
    ),
    ("place", "位置"),
    (
        "block {height} of {time}, entry {index}",
        "区块 {height}，{time}，条目 {index}",
    ),
    ("network", "网络"),
    (
        "{network}, namespace {namespace}",
        "{network}，命名空间 {namespace}",
    ),
    ("policy", "信任锚"),
    ("the holder of key {id}", "密钥 {id} 的持有人"),
    (
        "{issuer} in its own words (key id {id})",
        "{issuer}，自称（密钥标识 {id}）",
    ),
    ("failed check", "未通过的检查"),
    ("expected", "应为"),
    ("found", "实为"),
    ("receipt form", "回执格式"),
    ("statement form", "声明格式"),
    ("depositor key", "存证人密钥"),
    ("depositor signature", "存证人签名"),
    ("signature rule", "签名规则"),
    ("inclusion in the log", "日志包含证明"),
    ("policy chain", "信任锚链"),
    ("origin", "日志名称"),
    ("log signature", "日志签名"),
    ("cosignatures", "联署"),
    ("COSE receipts", "COSE 回执"),
    ("tree head", "树头"),
    ("quorum", "法定人数"),
    ("seal form", "封条格式"),
    ("seal in the log", "封条包含证明"),
    ("seal of this entry", "本条目的封条"),
    ("success", "执行成功"),
    ("time", "时间"),
    ("trust anchor", "信任锚"),
    // The network.
    ("NO QUORUM", "法定人数不足"),
    (
        "network {network}: {verdict}, {here} of {all} validators here, {needed} needed; asked {node} \
         (version {version})",
        "网络 {network}：{verdict}，{all} 个验证者中 {here} 个在线，需 {needed} 个；询问 {node}（版本 {version}）",
    ),
    (
        "height {height}, receipts up to {published}, {entries} entries, {waiting} statements wait",
        "高度 {height}，回执至 {published}，{entries} 个条目，{waiting} 份声明等待中",
    ),
    ("VALIDATOR", "验证者"),
    ("ORGANISATION", "机构"),
    ("STATE", "状态"),
    ("HEIGHT", "高度"),
    ("LAG", "落后"),
    ("ROUND", "轮次"),
    ("HEARD", "最近消息"),
    ("asked", "被询问"),
    ("present", "在线"),
    ("MISSING", "缺席"),
    // Networks and nodes.
    (
        "network {network} (trial, {count} validators) in {folder}",
        "网络 {network}（试用，{count} 个验证者）在 {folder}",
    ),
    (
        "  nats-server -c {file}   (or any other server at {url})",
        "  nats-server -c {file}   （或 {url} 的其他服务器）",
    ),
    ("policy (the trust anchor)  {file}", "信任锚  {file}"),
    (
        "{node} of network {network}  {http}  {nats}",
        "网络 {network} 的 {node}  {http}  {nats}",
    ),
    (
        "ready; stop with Ctrl-C or SIGTERM",
        "就绪；用 Ctrl-C 或 SIGTERM 停止",
    ),
    (
        "the genesis is signed by all {count} validators",
        "创世文件已由全部 {count} 个验证者签署",
    ),
    (
        "stopping: the node finishes what is on its way to the disk",
        "正在停止：节点完成正在写盘的内容",
    ),
    (
        "stopping: no new statements; those who wait for a receipt have {seconds} s; a second signal \
         stops at once",
        "正在停止：不再接受新声明；等待回执者还有 {seconds} 秒；再次发信号则立即停止",
    ),
    // Founding.
    ("network {network}", "网络 {network}"),
    (
        "network {network} (DEMONSTRATION)",
        "网络 {network}（演示）",
    ),
    ("organisations:", "机构："),
    ("what will hold:", "将生效的内容："),
    ("digest", "摘要"),
    ("founded", "创建时间"),
    (
        "{needed} of {all} decide and sign; {faults} may fail or lie",
        "{all} 个中 {needed} 个决定并签署；可容 {faults} 个故障或作恶",
    ),
    ("namespace", "命名空间"),
    ("blocks", "区块"),
    ("bodies", "正文"),
    ("fingerprint", "指纹"),
    ("genesis", "创世文件"),
    ("signatures", "签名"),
    ("signature", "签名"),
    ("private keys", "私钥"),
    ("encrypted", "加密"),
    ("member file", "成员文件"),
    (
        "{folder} (keep them here; back them up)",
        "{folder}（留在本机，并备份）",
    ),
    (
        "{organisation} will run {name}",
        "{organisation} 将运行 {name}",
    ),
    (
        "every key is proven to be held by its member",
        "每把密钥均已证明由其成员持有",
    ),
    ("proposal written to {file}", "提案已写入 {file}"),
    (
        "{organisation} signed as {name}",
        "{organisation} 已作为 {name} 签署",
    ),
    (
        "network {network} is founded: all {count} validators signed",
        "网络 {network} 已创建：全部 {count} 个验证者均已签署",
    ),
    (
        "all {count} validators signed it",
        "全部 {count} 个验证者均已签署",
    ),
    (
        "{folder} holds the keys of {name}",
        "{folder} 持有 {name} 的密钥",
    ),
    // Next steps of errors that people meet first.
    (
        "Check the path and that you may read it.",
        "检查路径以及是否有读取权限。",
    ),
    (
        "Make one with `wutong keygen --out FILE`.",
        "用 `wutong keygen --out 文件` 生成一把。",
    ),
    (
        "Choose another name, or move the old key away.",
        "换一个名称，或移走旧密钥。",
    ),
    (
        "Check that the folder exists and that you may write there.",
        "检查文件夹是否存在以及是否有写入权限。",
    ),
    (
        "Get the policy from the network's organisations, or with `wutong policy`.",
        "向网络的机构索取信任锚，或使用 `wutong policy`。",
    ),
    (
        "Use the policy that the fingerprint was given for.",
        "使用与该指纹对应的信任锚。",
    ),
];
