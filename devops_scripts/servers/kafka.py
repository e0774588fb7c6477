"""Apache Kafka: one node, broker and controller in one process, from the jars Maven resolves."""

import asyncio
import base64
import os
import re
import uuid
from pathlib import Path

from devops_scripts.servers.machine import (
    Unavailable,
    cache_folder,
    filled_once,
    find_program,
    free_port,
    note,
    run,
)
from devops_scripts.servers.process import Server, launch

VERSION = "4.3.1"

_POM = Path(__file__).with_name("kafka-pom.xml")
_OLDEST_JAVA = 17  # Kafka 4's brokers
_RESOLVE_S = 600  # 92 jars, 55 MB, and Maven's own plugins
_FORMAT_S = 60
_LEAN_JVM = ("-Xmx384m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1")  # starts quickly

_SERVER = """\
process.roles=broker,controller
node.id=1
controller.quorum.voters=1@127.0.0.1:{controller}
listeners=PLAINTEXT://127.0.0.1:{port},CONTROLLER://127.0.0.1:{controller}
advertised.listeners=PLAINTEXT://127.0.0.1:{port}
controller.listener.names=CONTROLLER
listener.security.protocol.map=PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT
inter.broker.listener.name=PLAINTEXT
log.dirs={data}
num.partitions=4
auto.create.topics.enable=true
group.initial.rebalance.delay.ms=0
offsets.topic.replication.factor=1
offsets.topic.num.partitions=1
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
transaction.state.log.num.partitions=1
share.coordinator.state.topic.replication.factor=1
share.coordinator.state.topic.min.isr=1
"""

_LOGGING = """\
status = warn
appender.c.type = Console
appender.c.name = C
appender.c.layout.type = PatternLayout
appender.c.layout.pattern = %d %p %c{1} %m%n
rootLogger.level = warn
rootLogger.appenderRef.c.ref = C
"""

# ApiVersions, version 0 (key 18), correlation id 1, no client id: any broker answers it.
_API_VERSIONS = bytes.fromhex("0000000a 0012 0000 00000001 ffff")
_MAX_ANSWER = 65_536  # octets; about a thousand are usual


async def start(folder: Path, port: int) -> Server:
    """Start a broker with its log in `folder`, formatted there when new.

    Raises Unavailable when there is no Java, the jars can't be had or it doesn't start.
    """
    java = await _java()
    jars = await libraries(folder)
    settings = folder / "server.properties"
    settings.write_text(
        _SERVER.format(port=port, controller=free_port(), data=_escaped(folder / "data"))
    )
    logging = folder / "log4j2.properties"
    logging.write_text(_LOGGING)
    virtual_machine = [
        java,
        *_LEAN_JVM,
        f"-Dlog4j2.configurationFile={logging.as_uri()}",
        "-cp",
        f"{jars}/*",
    ]
    if not (folder / "data/meta.properties").exists():
        await run(
            [
                *virtual_machine,
                "kafka.tools.StorageTool",
                "format",
                f"--cluster-id={_cluster_id()}",
                f"--config={settings}",
            ],
            log=folder / "format.log",
            within_s=_FORMAT_S,
        )
    process, version = await launch(
        [*virtual_machine, "kafka.Kafka", settings],
        port=port,
        probe=_answers,
        log=folder / "server.log",
    )
    return Server(
        title=f"Apache Kafka {version}",
        port=port,
        url=f"127.0.0.1:{port}",
        process=process,
        variables={"KAFKA_LIBS": str(jars)},
    )


async def libraries(folder: Path) -> Path:
    """Give the folder with Kafka's jars, resolved by Maven once and kept in the cache.

    Raises Unavailable when they aren't there and Maven can't bring them.
    """
    jars = cache_folder() / f"kafka-{VERSION}"
    if jars.exists():
        return jars
    maven = find_program("mvn")
    if maven is None:
        raise Unavailable("no Maven on this machine to resolve Apache Kafka with (Debian: maven)")
    note(f"Kafka: resolving {VERSION} with Maven, about 55 MB, once")
    with filled_once(jars) as draft:
        await run(
            [
                maven,
                "--batch-mode",
                "--no-transfer-progress",
                f"--file={_POM}",
                f"-Dkafka.version={VERSION}",
                "dependency:copy-dependencies",
                "-DincludeScope=runtime",
                f"-DoutputDirectory={draft}",
            ],
            log=folder / "maven.log",
            within_s=_RESOLVE_S,
        )
    return jars


async def _java() -> str:
    home = os.environ.get("JAVA_HOME")
    java = find_program(f"{home}/bin/java") if home else find_program("java")
    if java is None:
        raise Unavailable("no Java on this machine (Debian: default-jre-headless)")
    process = await asyncio.create_subprocess_exec(
        java,
        "-version",
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.PIPE,
    )
    _, text = await process.communicate()
    found = re.search(rb'version "(\d+)', text)
    if found is None or int(found[1]) < _OLDEST_JAVA:
        has = found[1].decode() if found else "of unknown version"
        raise Unavailable(f"Apache Kafka needs Java {_OLDEST_JAVA}; {java} is {has}")
    return java


async def _answers(port: int) -> str | None:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        writer.write(_API_VERSIONS)
        length = int.from_bytes(await reader.readexactly(4))
        await reader.readexactly(min(length, _MAX_ANSWER))
    finally:
        writer.close()
    return VERSION  # the wire doesn't tell, the jars do


def _cluster_id() -> str:
    # A UUID in base64; a leading hyphen would read as an option in Kafka's tools.
    return base64.urlsafe_b64encode(uuid.uuid4().bytes).decode().rstrip("=").replace("-", "A")


def _escaped(path: Path) -> str:
    # A properties file knows the backslash as its escape.
    return str(path).replace("\\", "\\\\")
