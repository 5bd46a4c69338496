//! Takes connections until it is told to stop, and lets those finish that it took.

use std::{future::Future, net::SocketAddr, sync::Arc, time::Duration};

use hyper::server::conn::http1;
use hyper_util::{
    rt::{TokioIo, TokioTimer},
    server::graceful::GracefulShutdown,
    service::TowerToHyperService,
};
use tokio::{
    net::TcpListener,
    sync::{OwnedSemaphorePermit, Semaphore},
    time::{Instant, sleep, timeout},
};

use crate::{application::Application, log::Log, options::Options, patience::Patient, routes::router, watch::Watch};

/// How long connections are still taken after the word to stop: `/readyz` says no meanwhile, and requests that are on their
/// way arrive.
const LULL: Duration = Duration::from_millis(200);
/// How long nothing is taken when the system has no more files to give.
const PAUSE: Duration = Duration::from_millis(50);

/// Why a server ended, or did not start.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    /// Names are not what they should be.
    #[error("serve: {0}")]
    Models(String),
    /// The address cannot be had.
    #[error("serve: cannot listen on {address} (--listen gives another address, port 0 a free one): {cause}")]
    Listen {
        /// The address.
        address: SocketAddr,
        /// What the system said.
        #[source]
        cause: std::io::Error,
    },
    /// A model cannot be read.
    #[error(transparent)]
    Model(#[from] spiketext::Error),
    /// The system refuses something else.
    #[error("serve: the system refuses {what}: {cause}")]
    System {
        /// What was asked of it.
        what: &'static str,
        /// What it said.
        #[source]
        cause: std::io::Error,
    },
}

/// A server that listens.
#[derive(Debug)]
pub struct Serving {
    listener: TcpListener,
    address: SocketAddr,
    application: Arc<Application>,
}

impl Serving {
    /// Starts to listen. Nothing is answered before [`Self::run`].
    ///
    /// # Errors
    /// If models have one name, or the address cannot be had.
    pub async fn bind(mut options: Options, log: Log) -> Result<Self, ServeError> {
        crate::options::Place::check_names(&options.models).map_err(ServeError::Models)?;
        let refused = |address| move |cause| ServeError::Listen { address, cause };
        let listener = TcpListener::bind(options.listen).await.map_err(refused(options.listen))?;
        let address = listener.local_addr().map_err(refused(options.listen))?;
        // The one that was free, where any would do: pages name it.
        options.listen = address;
        Ok(Self { listener, address, application: Application::new(options, log) })
    }

    /// Answers requests until `stop`, then lets those finish that were taken, as long as the options say. `ready` is called
    /// once all models are loaded, with the address and the models' names and versions.
    ///
    /// # Errors
    /// If a model cannot be read, or `ready` fails.
    pub async fn run(
        self,
        stop: impl Future<Output = ()>,
        ready: impl FnOnce(SocketAddr, &[(String, String)]) -> std::io::Result<()>,
    ) -> Result<(), ServeError> {
        let Self { listener, address, application } = self;
        let graceful = GracefulShutdown::new();
        let connections = Arc::new(Semaphore::new(application.options.limits.connections.max(1)));
        let takes = take_connections(&listener, &application, &graceful, &connections);
        let works = async {
            let loading = Arc::clone(&application);
            let loaded = tokio::task::spawn_blocking(move || loading.load()).await;
            loaded.map_err(|error| ServeError::System {
                what: "a thread to read models",
                cause: std::io::Error::other(error),
            })??;
            let told: Vec<(String, String)> =
                application.models().iter().map(|one| (one.place.name.clone(), one.version().name.clone())).collect();
            ready(address, &told)
                .map_err(|cause| ServeError::System { what: "to write to standard output", cause })?;
            watch(&application).await
        };
        tokio::select! {
            never = takes => match never {},
            ended = works => ended?,
            () = stop => {}
        }
        application.drain();
        application.log.message("info", "stop", "told to stop: requests that were taken are finished");
        let until = Instant::now() + application.options.drain;
        let rest = take_connections(&listener, &application, &graceful, &connections);
        let _ = timeout(LULL.min(application.options.drain), rest).await;
        drop(listener);
        if tokio::time::timeout_at(until, graceful.shutdown()).await.is_err() {
            let message = "connections were still open at the end of --drain, and are cut";
            application.log.message("warning", "stop", message);
        }
        application.log.message("info", "stopped", "the server has ended");
        Ok(())
    }
}

/// What never is.
enum Never {}

async fn take_connections(
    listener: &TcpListener,
    application: &Arc<Application>,
    graceful: &GracefulShutdown,
    connections: &Arc<Semaphore>,
) -> Never {
    let service = TowerToHyperService::new(router(Arc::clone(application)));
    let mut http = http1::Builder::new();
    // It bounds the head of each request, and how long a connection may be idle between two.
    http.timer(TokioTimer::new()).header_read_timeout(application.options.limits.deadline);
    loop {
        let Ok(permit) = Arc::clone(connections).acquire_owned().await else { continue };
        match listener.accept().await {
            Ok((stream, _)) => {
                // Answers are written whole; without it the second of a connection waits for the client's acknowledgement.
                let _ = stream.set_nodelay(true);
                let stream = Patient::new(stream, application.options.limits.deadline);
                let connection = http.serve_connection(TokioIo::new(stream), service.clone());
                tokio::spawn(keep(graceful.watch(connection), Arc::clone(application), permit));
            }
            // A client that left again, or no file for it: the next one may have more luck.
            Err(_) => sleep(PAUSE).await,
        }
    }
}

/// Sees a connection to its end.
async fn keep<T, E>(
    connection: impl Future<Output = Result<T, E>>,
    application: Arc<Application>,
    _permit: OwnedSemaphorePermit,
) {
    application.metrics.connection(1);
    // Whatever a client did wrong on it: its requests have their own lines in the log.
    let _ = connection.await;
    application.metrics.connection(-1);
}

/// Looks at the folders of the models again and again.
async fn watch(application: &Arc<Application>) -> Result<(), ServeError> {
    let mut watch = Watch::new(Arc::clone(application));
    loop {
        sleep(application.options.reload).await;
        let looked = tokio::task::spawn_blocking(move || {
            watch.look();
            watch
        });
        match looked.await {
            Ok(back) => watch = back,
            // Reading a folder panicked; what was told of others is forgotten with it.
            Err(_) => watch = Watch::new(Arc::clone(application)),
        }
    }
}

/// [`Serving`] with a runtime of its own, until the process is told to end (SIGINT or SIGTERM); the second time it ends at
/// once.
///
/// # Errors
/// As [`Serving::bind`] and [`Serving::run`].
pub fn serve(
    options: Options,
    log: Log,
    ready: impl FnOnce(SocketAddr, &[(String, String)]) -> std::io::Result<()>,
) -> Result<(), ServeError> {
    let refused = |what| move |cause| ServeError::System { what, cause };
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .thread_name("http")
        .build()
        .map_err(refused("threads"))?;
    let ended = runtime.block_on(async {
        let mut signals = Signals::new().map_err(refused("to tell of signals"))?;
        let serving = Serving::bind(options, log.clone()).await?;
        let (first, told) = tokio::sync::oneshot::channel();
        let waiting = tokio::spawn(async move {
            signals.next().await;
            let _ = first.send(());
            signals.next().await;
        });
        let stop = async {
            // Without a sender there is nobody left who could say so.
            let _ = told.await;
        };
        tokio::select! {
            ended = serving.run(stop, ready) => ended,
            _ = waiting => Ok(()),
        }
    });
    // Long work whose client has gone is not waited for.
    runtime.shutdown_background();
    log.close();
    ended
}

/// The words to stop.
struct Signals {
    #[cfg(unix)]
    terminate: tokio::signal::unix::Signal,
    #[cfg(unix)]
    interrupt: tokio::signal::unix::Signal,
}

#[cfg(unix)]
impl Signals {
    fn new() -> std::io::Result<Self> {
        use tokio::signal::unix::{SignalKind, signal};
        Ok(Self { terminate: signal(SignalKind::terminate())?, interrupt: signal(SignalKind::interrupt())? })
    }

    async fn next(&mut self) {
        tokio::select! {
            _ = self.terminate.recv() => {}
            _ = self.interrupt.recv() => {}
        }
    }
}

#[cfg(not(unix))]
impl Signals {
    fn new() -> std::io::Result<Self> {
        Ok(Self {})
    }

    async fn next(&mut self) {
        if tokio::signal::ctrl_c().await.is_err() {
            std::future::pending::<()>().await;
        }
    }
}
